//! Which services are exposed, by globs of their full names.

use prost_reflect::ServiceDescriptor;

use crate::problem::{Place, Problem, Problems, nearest};
use crate::schema::Schema;
use crate::units::Glob;

/// A glob over full service names, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceGlob {
    /// The glob as written.
    pub text: String,
    /// Where it was written.
    pub place: Place,
}

/// Warns of each glob that fits no service of the schema.
pub fn tell_unmatched(globs: &[ServiceGlob], schema: &Schema, problems: &mut Problems) {
    let all: Vec<_> = schema.pool().services().collect();
    for one in globs {
        let (_, glob) = read(&one.text);
        if !all.iter().any(|service| glob.matches(service.full_name())) {
            problems.push(fits_nothing(one, &all));
        }
    }
}

/// The services to expose, in the pool's order: those that a glob includes (all, if none includes) and none
/// excludes. A glob that fits no service is a warning.
pub(super) fn services(
    schema: &Schema,
    globs: &[ServiceGlob],
    problems: &mut Problems,
) -> Vec<ServiceDescriptor> {
    tell_unmatched(globs, schema, problems);
    let (excluding, including): (Vec<_>, Vec<_>) =
        globs.iter().map(|one| read(&one.text)).partition(|(exclude, _)| *exclude);
    let fits = |globs: &[(bool, Glob)], service: &ServiceDescriptor| {
        globs.iter().any(|(_, glob)| glob.matches(service.full_name()))
    };
    schema
        .pool()
        .services()
        .filter(|service| including.is_empty() || fits(&including, service))
        .filter(|service| !fits(&excluding, service))
        .collect()
}

/// Whether the glob excludes, and the glob itself.
fn read(text: &str) -> (bool, Glob) {
    match text.strip_prefix('!') {
        Some(rest) => (true, Glob::new(rest)),
        None => (false, Glob::new(text)),
    }
}

fn fits_nothing(glob: &ServiceGlob, all: &[ServiceDescriptor]) -> Problem {
    let problem = Problem::warning(glob.place.clone(), format!("`{}` fits no service", glob.text));
    let names = all.iter().map(|service| service.full_name().to_owned());
    // A glob over a package is most like another one.
    let packages = all.iter().map(|service| format!("{}.*", service.package_name()));
    let packages = packages.filter(|_| glob.text.ends_with(".*"));
    let known: Vec<_> = names.chain(packages).collect();
    match nearest(glob.text.trim_start_matches('!'), known.iter().map(String::as_str)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("write full service names, `*` for any run of characters: `acme.shop.*`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::tests::schema;

    fn at(glob: &str) -> ServiceGlob {
        ServiceGlob { text: glob.to_owned(), place: Place::item("services") }
    }

    #[test]
    fn globs_choose_services() {
        let schema = schema("service One {} service Two {} service OneMore {}");
        let chosen = |globs: &[&str]| {
            let globs: Vec<_> = globs.iter().map(|glob| at(glob)).collect();
            let mut problems = Problems::new();
            let services: Vec<_> = services(&schema, &globs, &mut problems)
                .iter()
                .map(|service| service.name().to_owned())
                .collect();
            let told: Vec<_> = problems.iter().map(|problem| problem.what.clone()).collect();
            assert!(!problems.has_errors());
            (services.join(" "), told.join(" "))
        };
        for (globs, services, told) in [
            (&[][..], "One Two OneMore", ""),
            (&["*"], "One Two OneMore", ""),
            (&["t.One*"], "One OneMore", ""),
            (&["t.One"], "One", ""),
            (&["!t.One"], "Two OneMore", ""),
            (&["!*More", "t.One*"], "One", ""),
            (&["t.One*", "!*More"], "One", ""),
            (&["x.*"], "", "`x.*` fits no service"),
            (&["!x.*"], "One Two OneMore", "`!x.*` fits no service"),
        ] {
            assert_eq!(chosen(globs), (services.to_owned(), told.to_owned()), "{globs:?}");
        }
    }

    #[test]
    fn a_near_miss_is_suggested() {
        for (glob, near) in [("t.Shelvs", "t.Shelves"), ("!t.shelves", "t.Shelves"), ("tt.*", "t.*")] {
            let mut problems = Problems::new();
            services(&schema("service Shelves {}"), &[at(glob)], &mut problems);
            let told = problems.to_string();
            assert!(
                told.contains(&format!("did you mean `{near}`?")) && told.contains("--> services"),
                "{told}"
            );
        }
    }
}
