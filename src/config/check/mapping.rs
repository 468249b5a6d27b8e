//! The mapping options in the words of their rooms.

use std::collections::BTreeMap;

use http::HeaderName;

use crate::problem::Problems;
use crate::{gateway, metadata, protocol, route, transcode};

use super::super::file::{
    File, Json, PathLists, PrecedenceRule, Routing, Strictness, TieRule, Unescaping, UnsetValues,
    WrongMethodAnswer,
};
use super::super::mappings::{COMMON, Mappings};
use super::Check;

pub(super) fn transcode(
    file: &Json,
    max_depth: usize,
    max_json: usize,
    max_parameters: usize,
) -> transcode::Settings {
    let refuse = |strictness| strictness == Strictness::Refuse;
    transcode::Settings {
        unset_fields: match file.unset_fields {
            UnsetValues::All => transcode::UnsetFields::Null,
            UnsetValues::Zero => transcode::UnsetFields::Zero,
            UnsetValues::Omit => transcode::UnsetFields::Omit,
        },
        proto_names: file.proto_names,
        enums_as_numbers: file.enums_as_numbers,
        int64_as_numbers: file.int64_as_numbers,
        indent: file.indent,
        refuse_unknown_fields: refuse(file.unknown_fields),
        refuse_unknown_enums: refuse(file.unknown_enums),
        case_insensitive_enums: file.case_insensitive_enums,
        any_mask_spelling: file.any_mask_spelling,
        refuse_unknown_query: refuse(file.unknown_query),
        refuse_path_conflicts: refuse(file.path_conflicts),
        ignored_query: file.ignored_query.clone(),
        path_lists: match file.path_lists {
            PathLists::Csv => ',',
            PathLists::Pipes => '|',
            PathLists::Ssv => ' ',
            PathLists::Tsv => '\t',
        },
        max_depth,
        max_json,
        max_parameters,
    }
}

pub(super) fn route(file: &Routing) -> route::Settings {
    route::Settings {
        empty_captures: file.empty_captures,
        ties: match file.ties {
            TieRule::LastWins => route::Ties::LastWins,
            TieRule::Refuse => route::Ties::Refuse,
        },
        precedence: match file.precedence {
            PrecedenceRule::Specific => route::Precedence::Specific,
            PrecedenceRule::Last => route::Precedence::Last,
        },
        unescape: match file.unescape {
            Unescaping::Spec => route::Unescape::Spec,
            Unescaping::Legacy => route::Unescape::Legacy,
            Unescaping::AllExceptSlash => route::Unescape::AllExceptSlash,
            Unescaping::AllCharacters => route::Unescape::AllCharacters,
        },
        head_as_get: file.head_as_get,
        wrong_method: match file.wrong_method {
            WrongMethodAnswer::MethodNotAllowed => route::WrongMethod::MethodNotAllowed,
            WrongMethodAnswer::NotImplemented => route::WrongMethod::NotImplemented,
            WrongMethodAnswer::NotFound => route::WrongMethod::NotFound,
        },
    }
}

impl Check<'_> {
    /// What a profile sets the defaults of.
    pub(in super::super) fn mapping(&mut self, file: &File) -> gateway::Mapping {
        let max_depth = self.depth(file.limits.json_depth);
        let max_json = self.positive("limits.response_json", file.limits.response_json.bytes());
        let max_parameters = self.positive("limits.parameters", file.limits.parameters);
        gateway::Mapping {
            route: route(&file.routing),
            transcode: transcode(&file.json, max_depth, max_json, max_parameters),
            metadata: self.metadata(file),
            protocol: protocol::Settings {
                streams: self.streams(&file.streams),
                bodies: self.bodies(&file.bodies),
                answers: self.answers(&file.answers),
            },
        }
    }

    /// The mappings of single methods. What is wrong with an entry is told once, at its own place.
    pub(super) fn mappings(&mut self, file: &File) -> Mappings {
        let mappings = Mappings::of_tree(self.root, file);
        for index in mappings.entries() {
            for key in COMMON {
                let at = format!("methods.{index}.{key}");
                if self.root.get(&at.split('.').collect::<Vec<_>>()).is_some() {
                    let what =
                        format!("`{key}` cannot be set for single methods: it is about pairs of routes");
                    self.error(&at, what, "write it at the top level");
                }
            }
            let mut found = Problems::new();
            mappings.mapping(&[index], &mut found);
            for problem in found {
                if !self.problems.iter().any(|told| *told == problem) {
                    self.problems.push(problem);
                }
            }
        }
        mappings
    }

    pub(super) fn metadata(&mut self, whole: &File) -> metadata::Settings {
        let file = &whole.metadata;
        // What backends tell for events alone is not for clients, be events on or not.
        let for_events = whole.options.preset.is_some().then(|| vec!["qc-event-*".to_owned()]);
        let hidden = whole.events.as_ref().map(|events| events.hidden_metadata.clone()).or(for_events);
        let dropped = self.header_names("metadata.drop_response", &file.drop_response);
        metadata::Settings {
            forward_request: self.header_names("metadata.forward_request", &file.forward_request),
            drop_request: self.header_names("metadata.drop_request", &file.drop_request),
            rename_request: self.renames("metadata.rename_request", &file.rename_request),
            permanent_headers: file.permanent_headers,
            forward_response: self.header_names("metadata.forward_response", &file.forward_response),
            hidden_response: hidden.unwrap_or_default().into_iter().chain(dropped).collect(),
            rename_response: self.renames("metadata.rename_response", &file.rename_response),
            trust_forwarded: file.trust_forwarded,
        }
    }

    /// The pairs whose both sides are names of headers; the others are told.
    fn renames(&mut self, at: &str, pairs: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let mut good = Vec::with_capacity(pairs.len());
        for (from, to) in pairs {
            let sides = [from.clone(), to.clone()];
            if self.are_header_names(&format!("{at}.{from}"), &sides) {
                good.push(sides.into());
            }
        }
        good
    }

    /// Whether all texts are names of headers; those that are not are told.
    fn are_header_names(&mut self, at: &str, names: &[String]) -> bool {
        let mut good = true;
        for name in names.iter().filter(|name| HeaderName::try_from(name.as_str()).is_err()) {
            let what = format!("`{name}` is not the name of a header");
            self.error(at, what, "write letters, digits and `-`, such as `X-Tenant`");
            good = false;
        }
        good
    }

    /// The texts that are names of headers; the others are told.
    pub(super) fn header_names(&mut self, at: &str, names: &[String]) -> Vec<String> {
        let mut good = Vec::with_capacity(names.len());
        for (index, name) in names.iter().enumerate() {
            if self.are_header_names(&format!("{at}.{index}"), std::slice::from_ref(name)) {
                good.push(name.clone());
            }
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_rooms() {
        let transcode::Settings { max_depth, max_json, max_parameters, .. } = transcode::Settings::default();
        assert_eq!(
            transcode(&Json::default(), max_depth, max_json, max_parameters),
            transcode::Settings::default()
        );
        let limits = super::super::super::file::Limits::default();
        assert_eq!((limits.json_depth, limits.response_json.0), (max_depth, max_json as u64));
        assert_eq!(limits.parameters, max_parameters);
        assert_eq!(route(&Routing::default()), route::Settings::default());
        let metadata = File::default().metadata;
        assert_eq!(metadata.trust_forwarded, metadata::Settings::default().trust_forwarded);
    }
}
