//! Which services are exposed, by globs of their full names.

use prost_reflect::ServiceDescriptor;

use crate::problem::{Place, Problem, Problems};
use crate::schema::Schema;
use crate::units::Glob;

use super::nearest::nearest;

/// The services to expose, in the pool's order: those that a glob includes (all, if none includes) and none
/// excludes. A glob that fits no service is a warning.
pub(super) fn services(schema: &Schema, globs: &[String], problems: &mut Problems) -> Vec<ServiceDescriptor> {
    let all: Vec<_> = schema.pool().services().collect();
    for text in globs {
        let (_, glob) = read(text);
        if !all.iter().any(|service| glob.matches(service.full_name())) {
            problems.push(fits_nothing(text, &all));
        }
    }
    let (excluding, including): (Vec<_>, Vec<_>) =
        globs.iter().map(|text| read(text)).partition(|(exclude, _)| *exclude);
    let fits = |globs: &[(bool, Glob)], service: &ServiceDescriptor| {
        globs.iter().any(|(_, glob)| glob.matches(service.full_name()))
    };
    all.into_iter()
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

fn fits_nothing(text: &str, all: &[ServiceDescriptor]) -> Problem {
    let problem = Problem::warning(Place::item("services"), format!("`{text}` fits no service"));
    match nearest(text.trim_start_matches('!'), all.iter().map(ServiceDescriptor::full_name)) {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("write full service names, `*` for any run of characters: `acme.shop.*`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::tests::schema;

    #[test]
    fn globs_choose_services() {
        let schema = schema("service One {} service Two {} service OneMore {}");
        let chosen = |globs: &[&str]| {
            let globs: Vec<_> = globs.iter().map(|&glob| glob.to_owned()).collect();
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
        let mut problems = Problems::new();
        services(&schema("service Shelves {}"), &["t.Shelvs".to_owned()], &mut problems);
        assert!(problems.to_string().contains("did you mean `t.Shelves`?"), "{problems}");
    }
}
