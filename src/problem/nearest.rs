//! The name that was probably meant.

/// The candidate closest to `name`, whatever their case, when it is close enough to be a slip of the pen.
#[must_use]
pub fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let name = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| {
            (strsim::normalized_damerau_levenshtein(&name, &candidate.to_lowercase()), candidate)
        })
        .filter(|(likeness, _)| *likeness >= LIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

/// From 0 (nothing alike) to 1 (the same).
const LIKE: f64 = 0.6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let names = ["account_id", "cluster_id", "name"];
        assert_eq!(nearest("acount_id", names), Some("account_id"));
        assert_eq!(nearest("clutser_id", names), Some("cluster_id"));
        assert_eq!(nearest("nmae", names), Some("name"));
        assert_eq!(nearest("NAME", names), Some("name"));
        assert_eq!(nearest("zone", []), None);
        assert_eq!(nearest("region", names), None);
    }
}
