//! The `.proto` files inside the binary: the vocabularies that almost every API imports, so that nobody has to
//! vendor them, and the model API that the demo serves.

use super::file::{File, Origin};
use super::{parallel, tell};
use crate::problem::Problems;

/// Writes a table of file names and their texts.
macro_rules! embed {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/proto/", $name)))),*]
    };
}

/// Files that a user's protos may import without having them; the user's own copy wins.
const IMPORTS: &[(&str, &str)] = embed![
    "buf/validate/validate.proto",
    "google/api/annotations.proto",
    "google/api/field_behavior.proto",
    "google/api/http.proto",
    "google/api/httpbody.proto",
    "google/rpc/code.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
];

/// The model API: a source of its own, never a fallback for imports.
const API: &[(&str, &str)] = embed![
    "qdrant/cloud/account/v1/account.proto",
    "qdrant/cloud/auth/v1/auth.proto",
    "qdrant/cloud/billing/v1/billing.proto",
    "qdrant/cloud/booking/v1/booking.proto",
    "qdrant/cloud/cluster/auth/v1/database_api_key.proto",
    "qdrant/cloud/cluster/auth/v1/ephemeral_dashboard_token.proto",
    "qdrant/cloud/cluster/auth/v2/database_api_key.proto",
    "qdrant/cloud/cluster/backup/v1/backup.proto",
    "qdrant/cloud/cluster/v1/cluster.proto",
    "qdrant/cloud/common/v1/common.proto",
    "qdrant/cloud/event/v1/events.proto",
    "qdrant/cloud/hybrid/v1/hybrid_cloud.proto",
    "qdrant/cloud/iam/v1/iam.proto",
    "qdrant/cloud/metering/v1/metering.proto",
    "qdrant/cloud/monitoring/v1/monitoring.proto",
    "qdrant/cloud/payment/v1/payment.proto",
    "qdrant/cloud/platform/v1/platform.proto",
    "qdrant/cloud/quota/v1/quota.proto",
    "qdrant/cloud/serverless/platform/v1/platform.proto",
    "qdrant/cloud/serverless/quota/v1/quota.proto",
    "qdrant/cloud/serverless/space/auth/v1/ephemeral_dashboard_token.proto",
    "qdrant/cloud/serverless/space/auth/v1/space_api_key.proto",
    "qdrant/cloud/serverless/space/backup/v1/backup.proto",
    "qdrant/cloud/serverless/space/v1/space.proto",
    "qdrant/cloud/ui/v1/clusterdata.proto",
    "qdrant/cloud/ui/v1/ui.proto",
];

/// The text of an embedded file.
pub(super) fn text(name: &str) -> Option<&'static str> {
    IMPORTS.iter().chain(API).find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// The embedded file that stands in for an import which the user's sources lack.
pub(super) fn import(name: &str, problems: &mut Problems) -> Option<File> {
    let (name, text) = IMPORTS.iter().find(|(known, _)| *known == name)?;
    parse(name, text, problems)
}

/// Whether the binary holds a file of this name for imports.
pub(super) fn is_import(name: &str) -> bool {
    IMPORTS.iter().any(|(known, _)| *known == name)
}

/// All files of the model API.
pub(super) fn api(problems: &mut Problems) -> Vec<File> {
    let parsed = parallel::map(API, |(name, text)| {
        let mut told = Problems::new();
        (parse(name, text, &mut told), told)
    });
    let tell = |(file, told)| {
        problems.extend(told);
        file
    };
    parsed.into_iter().filter_map(tell).collect()
}

fn parse(name: &str, text: &str, problems: &mut Problems) -> Option<File> {
    match protox::file::File::from_source(name, text) {
        Ok(file) => Some(File::parsed(Origin::Embedded, file.into())),
        Err(error) => {
            problems.extend(tell::compile_error(&error, &Origin::Embedded.shown(name), Some(text)));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    fn below(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the folder is part of the package") {
            let path = entry.expect("an entry can be read").path();
            if path.is_dir() {
                below(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                let name = path.strip_prefix(root).expect("it lies below the root");
                found.insert(name.to_str().expect("names are ASCII").to_owned());
            }
        }
    }

    #[test]
    fn every_proto_of_the_package_is_in_the_tables() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
        let mut found = BTreeSet::new();
        below(&root, &root, &mut found);
        let tables: BTreeSet<String> =
            IMPORTS.iter().chain(API).map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(found, tables);
    }
}
