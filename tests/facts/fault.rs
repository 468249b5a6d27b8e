//! Faults to plant: one per kind of fact, with the line that has to name it.

/// A change to one file, and the difference that it makes.
#[derive(Debug)]
pub struct Fault {
    pub file: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    /// How the line begins that names it.
    pub named: &'static str,
}

impl Fault {
    /// The source with the fault in it, at the first place where it fits.
    pub fn plant(&self, source: &str) -> String {
        assert!(source.contains(self.from), "{} does not contain {:?}", self.file, self.from);
        source.replacen(self.from, self.to, 1)
    }
}

const API_KEY: &str = "qdrant/cloud/cluster/auth/v2/database_api_key.proto";
const COMMON: &str = "qdrant/cloud/common/v1/common.proto";

pub const ALL: &[Fault] = &[
    Fault {
        file: API_KEY,
        from: "rpc ListDatabaseApiKeys(ListDatabaseApiKeysRequest)",
        to: "rpc FindDatabaseApiKeys(ListDatabaseApiKeysRequest)",
        named: "services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > FindDatabaseApiKeys: in the files only",
    },
    Fault {
        file: API_KEY,
        from: "rpc ListDatabaseApiKeys(ListDatabaseApiKeysRequest)",
        to: "rpc FindDatabaseApiKeys(ListDatabaseApiKeysRequest)",
        named: "services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > ListDatabaseApiKeys: in the table only",
    },
    Fault {
        file: API_KEY,
        from: "returns (ListDatabaseApiKeysResponse)",
        to: "returns (stream ListDatabaseApiKeysResponse)",
        named: "services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > ListDatabaseApiKeys > server_streaming: in the files only",
    },
    Fault {
        file: API_KEY,
        from: r#"get: "/api/cluster/auth/v2/accounts/{account_id}/database-api-keys""#,
        to: r#"get: "/api/cluster/auth/v2/accounts/{account_id}/keys""#,
        named: r#"services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > ListDatabaseApiKeys > http > path: "/api/cluster/auth/v2/accounts/{account_id}/database-api-keys" in the table, "/api/cluster/auth/v2/accounts/{account_id}/keys" in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "      body: \"*\"\n",
        to: "",
        named: "services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > CreateDatabaseApiKey > http > body: in the table only",
    },
    Fault {
        file: API_KEY,
        from: "      body: \"*\"\n",
        to: "      body: \"*\"\n      additional_bindings {get: \"/more\"}\n",
        named: "services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > CreateDatabaseApiKey > http > additional_bindings: in the files only",
    },
    Fault {
        file: API_KEY,
        from: r#"(qdrant.cloud.common.v1.permissions) = "read:api_keys""#,
        to: "(qdrant.cloud.common.v1.requires_all_permissions) = true",
        named: r#"services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > ListDatabaseApiKeys > permissions: ["read:api_keys"] in the table, [] in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "\"write:api_keys\";\n",
        to: "\"write:api_keys\";\n    option (qdrant.cloud.common.v1.max_message_size) = 4;\n",
        named: "services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > CreateDatabaseApiKey > max_message_size: in the files only",
    },
    Fault {
        file: API_KEY,
        from: r#"account_id_expression) = "database_api_key.account_id""#,
        to: r#"account_id_expression) = "account_id""#,
        named: r#"services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > CreateDatabaseApiKey > account_id_expression: "database_api_key.account_id" in the table, "account_id" in the files"#,
    },
    Fault {
        file: API_KEY,
        from: r#"field_expression: "database_api_key.name""#,
        to: r#"field_expression: "database_api_key.id""#,
        named: r#"services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > CreateDatabaseApiKey > log_fields > database_api_key_name: "database_api_key.name" in the table, "database_api_key.id" in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "event_type: EVENT_TYPE_CREATED",
        to: "event_type: EVENT_TYPE_UPDATED",
        named: r#"services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > methods > CreateDatabaseApiKey > event_options > event_type: "EVENT_TYPE_CREATED" in the table, "EVENT_TYPE_UPDATED" in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "api_version) = {major: 1}",
        to: "api_version) = {major: 1, minor: 1}",
        named: r#"services > qdrant.cloud.cluster.auth.v2.DatabaseApiKeyService > api_version: "1.0.0" in the table, "1.1.0" in the files"#,
    },
    Fault {
        file: "qdrant/cloud/iam/v1/iam.proto",
        from: r#"request_resource_field: "user""#,
        to: r#"request_resource_field: "account""#,
        named: r#"services > qdrant.cloud.iam.v1.IAMService > methods > UpdateUser > patch_source > request_resource_field: "user" in the table, "account" in the files"#,
    },
    Fault {
        file: "qdrant/cloud/iam/v1/iam.proto",
        from: "supported_actor_types) = ACTOR_TYPE_USER",
        to: "supported_actor_types) = ACTOR_TYPE_MANAGEMENT_KEY",
        named: r#"services > qdrant.cloud.iam.v1.IAMService > methods > GetAuthenticatedUser > supported_actor_types: ["ACTOR_TYPE_USER"] in the table, ["ACTOR_TYPE_MANAGEMENT_KEY"] in the files"#,
    },
    Fault {
        file: "qdrant/cloud/booking/v1/booking.proto",
        from: "requires_authentication) = false",
        to: "requires_authentication) = true",
        named: "services > qdrant.cloud.booking.v1.BookingService > methods > ListGlobalPackages > requires_authentication: false in the table, true in the files",
    },
    Fault {
        file: API_KEY,
        from: "optional string cluster_id = 2",
        to: "optional string cluster_id = 3",
        named: "messages > qdrant.cloud.cluster.auth.v2.ListDatabaseApiKeysRequest > fields > cluster_id > n: 2 in the table, 3 in the files",
    },
    Fault {
        file: API_KEY,
        from: "optional string cluster_id = 2",
        to: "optional bytes cluster_id = 2",
        named: r#"messages > qdrant.cloud.cluster.auth.v2.ListDatabaseApiKeysRequest > fields > cluster_id > t: "string" in the table, "bytes" in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "optional string cluster_id = 2",
        to: "string cluster_id = 2",
        named: "messages > qdrant.cloud.cluster.auth.v2.ListDatabaseApiKeysRequest > fields > cluster_id > label: in the table only",
    },
    Fault {
        file: API_KEY,
        from: "repeated DatabaseApiKey items = 1;",
        to: "repeated DatabaseApiKey items = 1;\n  string more = 9;",
        named: "messages > qdrant.cloud.cluster.auth.v2.ListDatabaseApiKeysResponse > fields > more: in the files only",
    },
    Fault {
        file: API_KEY,
        from: "repeated DatabaseApiKey items = 1;",
        to: r#"repeated DatabaseApiKey items = 1 [json_name = "keys"];"#,
        named: "messages > qdrant.cloud.cluster.auth.v2.ListDatabaseApiKeysResponse > fields > items > json_name: in the files only",
    },
    Fault {
        file: COMMON,
        from: "map<string, string> field_mapping",
        to: "map<string, bytes> field_mapping",
        named: r#"messages > qdrant.cloud.common.v1.PatchSource > fields > field_mapping > map > v: "string" in the table, "bytes" in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "oneof scope",
        to: "oneof rule",
        named: r#"messages > qdrant.cloud.cluster.auth.v2.AccessRule > fields > global_access > oneof: "scope" in the table, "rule" in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "option (buf.validate.oneof).required = true;",
        to: "",
        named: r#"messages > qdrant.cloud.cluster.auth.v2.AccessRule > oneofs > scope: {"fields":["global_access","collection_access"],"v":{"required":true}} in the table, ["global_access","collection_access"] in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "string account_id = 1 [(buf.validate.field).string.uuid = true]",
        to: "string account_id = 1 [(buf.validate.field).string.email = true]",
        named: "messages > qdrant.cloud.cluster.auth.v2.ListDatabaseApiKeysRequest > fields > account_id > v > string > email: in the files only",
    },
    Fault {
        file: API_KEY,
        from: r#"id: "create_database_api_key.no_read_only_fields""#,
        to: r#"id: "create_database_api_key.read_only""#,
        named: "messages > qdrant.cloud.cluster.auth.v2.CreateDatabaseApiKeyRequest > v > cel: ",
    },
    Fault {
        file: "qdrant/cloud/platform/v1/platform.proto",
        from: "reserved 2;",
        to: "",
        named: "messages > qdrant.cloud.platform.v1.ListCloudProvidersRequest > reserved: in the table only",
    },
    Fault {
        file: COMMON,
        from: "ACTOR_TYPE_SERVICE_ACCOUNT = 3;",
        to: "ACTOR_TYPE_SERVICE_ACCOUNT = 4;",
        named: "enums > qdrant.cloud.common.v1.ActorType > values > ACTOR_TYPE_SERVICE_ACCOUNT: 3 in the table, 4 in the files",
    },
    Fault {
        file: COMMON,
        from: "max_message_size = 50006",
        to: "max_message_size = 50016",
        named: "extensions > qdrant.cloud.common.v1.max_message_size > n: 50006 in the table, 50016 in the files",
    },
    Fault {
        file: "google/rpc/code.proto",
        from: r#"syntax = "proto3""#,
        to: r#"syntax = "proto2""#,
        named: r#"files > google/rpc/code.proto > syntax: "proto3" in the table, "proto2" in the files"#,
    },
    Fault {
        file: API_KEY,
        from: "import \"qdrant/cloud/event/v1/events.proto\";\n",
        to: "import \"qdrant/cloud/event/v1/events.proto\";\nimport \"google/protobuf/any.proto\";\n",
        named: "files > qdrant/cloud/cluster/auth/v2/database_api_key.proto > deps: ",
    },
    Fault {
        file: "buf/validate/validate.proto",
        from: "optional uint64 min_len = 2;",
        to: "optional uint64 min_len = 42;",
        named: "messages > buf.validate.StringRules > fields > min_len > n: 2 in the table, 42 in the files",
    },
    Fault {
        file: "google/rpc/code.proto",
        from: "DATA_LOSS = 15",
        to: "DATA_LOSS = 17",
        named: "enums > google.rpc.Code > values > DATA_LOSS: 15 in the table, 17 in the files",
    },
    Fault {
        file: COMMON,
        from: "supported_actor_types = 50004 [",
        to: "supported_actor_types = 50004 [packed = false, ",
        named: "extensions > qdrant.cloud.common.v1.supported_actor_types > packed: true in the table, false in the files",
    },
    Fault {
        file: "qdrant/cloud/cluster/auth/v1/database_api_key.proto",
        from: "  option deprecated = true;\n",
        to: "",
        named: "services > qdrant.cloud.cluster.auth.v1.DatabaseApiKeyService > deprecated: in the table only",
    },
];
