//! Checks of what is asked of the gateway for single methods.

use http::{HeaderName, HeaderValue};

use crate::duty;
use crate::metadata;

use super::super::file::{File, IdentityMetadata, Method, Options, Preset};
use super::Check;

impl Check<'_> {
    pub(super) fn duties(&mut self, options: &Options, methods: &[Method]) -> duty::Settings {
        let preset = match options.preset {
            Some(Preset::QdrantCloud) => duty::Options::qdrant_cloud(),
            None => duty::Options::default(),
        };
        let named = |own: &Option<String>, preset: Option<String>| own.clone().or(preset);
        let options = duty::Options {
            permissions: named(&options.permissions, preset.permissions),
            all_permissions: named(&options.all_permissions, preset.all_permissions),
            account: named(&options.account, preset.account),
            default_account: named(&options.default_account, preset.default_account),
            authentication: named(&options.authentication, preset.authentication),
            actor_types: named(&options.actor_types, preset.actor_types),
            max_message: named(&options.max_request_message, preset.max_message),
            log_fields: named(&options.log_fields, preset.log_fields),
            api_version: named(&options.api_version, preset.api_version),
            patch: named(&options.patch, preset.patch),
            event: named(&options.event, preset.event),
        };
        let methods = methods.iter().enumerate().map(|(index, method)| self.method_duties(index, method));
        duty::Settings { options, methods: methods.collect() }
    }

    fn method_duties(&mut self, index: usize, method: &Method) -> duty::MethodSettings {
        let at = format!("methods.{index}");
        if let Some(limit) = method.max_request_message {
            self.positive(&format!("{at}.max_request_message"), limit.0);
        }
        if let Some(version) =
            method.api_version.as_ref().filter(|version| HeaderValue::try_from(*version).is_err())
        {
            let what = format!("`{version}` cannot be the value of a header");
            self.error(&format!("{at}.api_version"), what, "write a version such as `1.0.0`");
        }
        let asks = |list: &Option<Vec<String>>| list.as_ref().is_some_and(|list| !list.is_empty());
        if method.authentication == Some(false) && (asks(&method.permissions) || asks(&method.actor_types)) {
            let what = format!(
                "`{}` is public, so that its permissions and actor types are not looked at",
                method.methods
            );
            self.warning(&at, what, "leave out `authentication: false`, or the others");
        }
        duty::MethodSettings {
            methods: method.methods.trim_start_matches('/').to_owned(),
            authentication: method.authentication,
            permissions: method.permissions.clone(),
            all_permissions: method.all_permissions,
            account: method.account.clone(),
            actor_types: method.actor_types.clone(),
            max_message: method.max_request_message.map(crate::units::ByteSize::bytes),
            log_fields: method.log_fields.clone(),
            api_version: method.api_version.clone(),
            place: self.place(&at),
        }
    }

    /// The header that carries the version of the API.
    pub(super) fn version_header(&mut self, options: &Options) -> Option<HeaderName> {
        let name = &options.version_header;
        if name.is_empty() {
            return None;
        }
        let header = HeaderName::try_from(name).ok().filter(|header| !metadata::is_reserved(header.as_str()));
        if header.is_none() {
            let what = format!("`{name}` cannot be the header of the API's version");
            self.error("options.version_header", what, "write a name such as `api-version`");
        }
        header
    }
}

/// What tells a backend who calls, where an API has such metadata but nobody is asked who they are: no client may
/// set it then either.
pub(super) fn reserved_metadata(file: &File) -> Vec<HeaderName> {
    if file.identity.is_some() || file.options.preset.is_none() && file.events.is_none() {
        return Vec::new();
    }
    let names = IdentityMetadata::default();
    let names = [names.actor_id, names.actor_type, names.user_agent];
    names.iter().filter_map(|name| HeaderName::try_from(name).ok()).collect()
}
