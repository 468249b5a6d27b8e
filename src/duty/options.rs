//! Which options of methods and services mean what. Not for reading them: that is `read`.

/// The full names of the options that are read; `None`: this duty has no option.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Repeated string on methods.
    pub permissions: Option<String>,
    /// Bool on methods.
    pub all_permissions: Option<String>,
    /// String on methods; its default is [`default_account`](Self::default_account).
    pub account: Option<String>,
    /// The path where the account stands in the requests of methods without that option, if they have such a field.
    pub default_account: Option<String>,
    /// Bool on methods.
    pub authentication: Option<String>,
    /// Repeated enum on methods.
    pub actor_types: Option<String>,
    /// Integer on methods, in MiB.
    pub max_message: Option<String>,
    /// Repeated message on methods, with string fields `name` and `field_expression`.
    pub log_fields: Option<String>,
    /// Message on services, with integer fields `major`, `minor` and `patch`, or a string.
    pub api_version: Option<String>,
    /// Message on methods, with the fields of `qdrant.cloud.common.v1.PatchSource`.
    pub patch: Option<String>,
    /// Message on methods, with the fields of `qdrant.cloud.event.v1.EventOptions`.
    pub event: Option<String>,
}

impl Options {
    /// The options of the Qdrant Cloud API.
    #[must_use]
    pub fn qdrant_cloud() -> Self {
        let common = |name: &str| Some(format!("qdrant.cloud.common.v1.{name}"));
        Self {
            permissions: common("permissions"),
            all_permissions: common("requires_all_permissions"),
            account: common("account_id_expression"),
            default_account: Some("account_id".to_owned()),
            authentication: common("requires_authentication"),
            actor_types: common("supported_actor_types"),
            max_message: common("max_message_size"),
            log_fields: common("log_fields"),
            api_version: common("api_version"),
            patch: common("patch_source"),
            event: Some("qdrant.cloud.event.v1.event_options".to_owned()),
        }
    }

    /// The names of all options.
    pub(super) fn names(&self) -> [Option<&String>; 10] {
        [
            self.permissions.as_ref(),
            self.all_permissions.as_ref(),
            self.account.as_ref(),
            self.authentication.as_ref(),
            self.actor_types.as_ref(),
            self.max_message.as_ref(),
            self.log_fields.as_ref(),
            self.api_version.as_ref(),
            self.patch.as_ref(),
            self.event.as_ref(),
        ]
    }
}
