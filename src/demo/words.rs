//! The words of identifiers: `BackupSchedule`, `backup_schedule`, `BACKUP_STATUS_RUNNING`.

/// `BackupSchedule` to `backup_schedule`.
pub(super) fn snake(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    let mut previous = '_';
    for letter in camel.chars() {
        if letter.is_ascii_uppercase() && (previous.is_ascii_lowercase() || previous.is_ascii_digit()) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        previous = letter;
    }
    snake
}

/// Whether the last whole words of one snake name are the other: `account_invite` ends in `invite`.
pub(super) fn ends_in_words(name: &str, end: &str) -> bool {
    name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'))
}

/// Splits `SuspendCluster` into its verb `Suspend` and the rest `Cluster`.
pub(super) fn verb(method: &str) -> (&str, &str) {
    let end = method
        .char_indices()
        .skip(1)
        .find_map(|(at, letter)| letter.is_ascii_uppercase().then_some(at))
        .unwrap_or(method.len());
    method.split_at(end)
}

/// Whether a word is the past participle of a verb: `suspended` of `Suspend`, `revoked` of `Revoke`, `canceled`
/// and `cancelled` of `Cancel`, in any case.
pub(super) fn is_participle(word: &str, verb: &str) -> bool {
    let (word, verb) = (word.to_ascii_lowercase(), verb.to_ascii_lowercase());
    let stem = verb.strip_suffix(['e', 'y']).unwrap_or(&verb);
    let ending = word.strip_prefix(stem).and_then(|rest| rest.strip_suffix("ed"));
    // Between stem and ending: nothing, the `i` of `denied`, a doubled consonant.
    !stem.is_empty() && ending.is_some_and(|between| between.len() <= 1)
}

/// English plural, in the simple cases.
pub(super) fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with(['s', 'x']) || noun.ends_with("ch") || noun.ends_with("sh") => {
            format!("{noun}es")
        }
        _ => format!("{noun}s"),
    }
}

/// A name for people: `backup_schedule` to `backup schedule`.
pub(super) fn spoken(snake: &str) -> String {
    snake.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(snake("BackupSchedule"), "backup_schedule");
        assert_eq!(snake("IAMRole2Key"), "iamrole2_key");
        assert_eq!(verb("SuspendCluster"), ("Suspend", "Cluster"));
        assert_eq!(verb("Echo"), ("Echo", ""));
        assert_eq!(verb(""), ("", ""));
        assert!(ends_in_words("account_invite", "invite") && ends_in_words("invite", "invite"));
        assert!(!ends_in_words("account_invite", "vite"));
        for (past, verb) in [
            ("SUSPENDED", "Suspend"),
            ("revoked", "Revoke"),
            ("denied", "Deny"),
            ("stopped", "Stop"),
            ("canceled", "Cancel"),
            ("cancelled", "Cancel"),
        ] {
            assert!(is_participle(past, verb), "{past} of {verb}");
        }
        assert!(!is_participle("SUSPENDING", "Suspend") && !is_participle("disabled", "Revoke"));
        for (noun, many) in
            [("cluster", "clusters"), ("policy", "policies"), ("key", "keys"), ("box", "boxes")]
        {
            assert_eq!(plural(noun), many);
        }
    }
}
