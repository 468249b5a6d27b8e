//! The embedded backend over real sockets, with tonic's own client.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use protox::Compiler;
use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver, IncludeFileResolver};
use tonic::client::Grpc;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

use super::codec::Raw;
use super::{ACCOUNT_ID, Backend, Options, Outcome, ident};

const CLUSTERS: &str = "qdrant.cloud.cluster.v1.ClusterService";
const BACKUPS: &str = "qdrant.cloud.cluster.backup.v1.BackupService";

/// The model API, compiled once for all tests.
pub(super) fn model_api() -> DescriptorPool {
    static POOL: OnceLock<DescriptorPool> = OnceLock::new();
    POOL.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
        let mut resolver = ChainFileResolver::new();
        resolver.add(IncludeFileResolver::new(root.clone()));
        resolver.add(GoogleFileResolver::new());
        let mut compiler = Compiler::with_file_resolver(resolver);
        compiler.include_imports(true);
        let mut folders = vec![root.join("qdrant")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&root).expect("below the root").to_str().expect("UTF-8");
                    compiler.open_file(name).expect("the model API compiles");
                }
            }
        }
        compiler.descriptor_pool()
    })
    .clone()
}

/// Resources in the style of the AIP rules, flat ones, and an echo.
fn library() -> DescriptorPool {
    const LIBRARY: &str = r#"
        syntax = "proto3";
        package library.v1;
        import "google/protobuf/empty.proto";
        import "google/protobuf/field_mask.proto";
        import "google/protobuf/timestamp.proto";
        service Library {
            rpc CreateBook(CreateBookRequest) returns (Book);
            rpc GetBook(GetBookRequest) returns (Book);
            rpc ListBooks(ListBooksRequest) returns (ListBooksResponse);
            rpc UpdateBook(UpdateBookRequest) returns (Book);
            rpc DeleteBook(DeleteBookRequest) returns (google.protobuf.Empty);
            rpc Echo(Book) returns (Book);
            rpc Watch(GetBookRequest) returns (stream Book);
            rpc Burn(GetBookRequest) returns (ListBooksRequest);
        }
        service Counters {
            rpc CreateCounter(CreateCounterRequest) returns (Counter);
            rpc GetCounter(GetCounterRequest) returns (Counter);
            rpc StopCounter(GetCounterRequest) returns (Counter);
        }
        message Book {
            string name = 1; string title = 2; Cover cover = 3; google.protobuf.Timestamp create_time = 4;
        }
        message Cover { string colour = 1; bool hard = 2; }
        message CreateBookRequest { string parent = 1; string book_id = 2; Book book = 3; }
        message GetBookRequest { string name = 1; }
        message ListBooksRequest { string parent = 1; int32 page_size = 2; string page_token = 3; }
        message ListBooksResponse { repeated Book books = 1; string next_page_token = 2; }
        message UpdateBookRequest { Book book = 1; google.protobuf.FieldMask update_mask = 2; }
        message DeleteBookRequest { string name = 1; }
        enum CounterState { COUNTER_STATE_UNSPECIFIED = 0; COUNTER_STATE_RUNNING = 1; COUNTER_STATE_STOPPED = 2; }
        message Counter { int64 id = 1; string label = 2; CounterState state = 3; }
        message CreateCounterRequest { Counter counter = 1; }
        message GetCounterRequest { int64 counter_id = 1; }
    "#;
    struct One;
    impl FileResolver for One {
        fn open_file(&self, name: &str) -> Result<File, protox::Error> {
            if name == "library.proto" {
                File::from_source(name, LIBRARY)
            } else {
                GoogleFileResolver::new().open_file(name)
            }
        }
    }
    let mut compiler = Compiler::with_file_resolver(One);
    compiler.include_imports(true).open_file("library.proto").expect("the library compiles");
    compiler.descriptor_pool()
}

/// A backend and a connection to it.
struct Fixture {
    backend: Backend,
    pool: DescriptorPool,
    channel: Channel,
}

impl Fixture {
    async fn new(pool: DescriptorPool) -> Self {
        let backend = Backend::start(pool.clone(), loopback()).await.expect("a free port");
        let channel = connect(&backend).await;
        Self { backend, pool, channel }
    }

    async fn model() -> Self {
        Self::new(model_api()).await
    }

    /// Calls a method with a request in text format; answers the answer in text format.
    async fn call(&self, service: &str, method: &str, request: &str) -> Result<String, Status> {
        self.send(service, method, request, &[]).await.map(|answer| answer.into_inner().to_string())
    }

    async fn send(
        &self,
        service: &str,
        method: &str,
        request: &str,
        metadata: &[(&str, &str)],
    ) -> Result<Response<DynamicMessage>, Status> {
        let service = self.pool.get_service_by_name(service).expect("a service");
        let method = service.methods().find(|found| found.name() == method).expect("a method");
        let message = DynamicMessage::parse_text_format(method.input(), request).expect("a request");
        let path = format!("/{}/{}", service.full_name(), method.name());
        let answer = send(&self.channel, &path, message.encode_to_vec(), metadata).await?;
        Ok(answer.map(|bytes| DynamicMessage::decode(method.output(), bytes).expect("the answer's type")))
    }

    async fn list_names(&self, request: &str) -> Vec<String> {
        let answer = self.send(CLUSTERS, "ListClusters", request, &[]).await.expect("a list").into_inner();
        let items = answer.get_field_by_name("items").expect("items").into_owned();
        items
            .as_list()
            .expect("a list")
            .iter()
            .map(|item| text(item.as_message().expect("one"), "name"))
            .collect()
    }
}

async fn send(
    channel: &Channel,
    path: &str,
    message: Vec<u8>,
    metadata: &[(&str, &str)],
) -> Result<Response<Bytes>, Status> {
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(1 << 30);
    grpc.ready().await.map_err(|lost| Status::unavailable(lost.to_string()))?;
    let mut request = Request::new(Bytes::from(message));
    let mut headers = MetadataMap::new().into_headers();
    for (name, value) in metadata {
        let name = http::HeaderName::try_from(*name).expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    *request.metadata_mut() = MetadataMap::from_headers(headers);
    grpc.unary(request, PathAndQuery::try_from(path).expect("a path"), Raw).await
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn connect(backend: &Backend) -> Channel {
    Channel::from_shared(backend.url().to_owned()).expect("a url").connect().await.expect("a connection")
}

fn text(message: &DynamicMessage, field: &str) -> String {
    message.get_field_by_name(field).expect("a field").as_str().expect("a text").to_owned()
}

fn part(message: &DynamicMessage, field: &str) -> DynamicMessage {
    message.get_field_by_name(field).expect("a field").as_message().expect("a message").clone()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

const NEW_CLUSTER: &str = r#"cloud_provider_id: "aws" cloud_provider_region_id: "eu-central-1"
    configuration { number_of_nodes: 1 package_id: "00000000-0000-4000-8000-000000000001" }"#;

fn new_cluster(name: &str) -> String {
    format!("cluster {{ account_id: \"{ACCOUNT_ID}\" name: \"{name}\" {NEW_CLUSTER} }}")
}

fn named(cluster: &str) -> String {
    format!("account_id: \"{ACCOUNT_ID}\" cluster_id: \"{cluster}\"")
}

#[tokio::test]
async fn a_cluster_lives_from_creation_to_deletion() {
    let demo = Fixture::model().await;
    let created = demo.send(CLUSTERS, "CreateCluster", &new_cluster("fresh"), &[]).await.expect("created");
    let created = part(&created.into_inner(), "cluster");
    let id = text(&created, "id");
    assert_eq!(id.len(), 36, "{id}");
    assert!(created.has_field_by_name("created_at"));
    assert!(part(&created, "configuration").has_field_by_name("last_modified_at"));
    let state = part(&created, "state");
    assert_eq!(state.get_field_by_name("phase").expect("phase").as_enum_number(), Some(12), "healthy");
    let url = text(&part(&state, "endpoint"), "url");
    assert!(url.contains(&id), "{url} of {id}");

    let got = demo.call(CLUSTERS, "GetCluster", &named(&id)).await.expect("found");
    assert_eq!(got, format!("cluster:{{{created}}}"));

    let changed =
        format!("cluster {{ id: \"{id}\" account_id: \"{ACCOUNT_ID}\" name: \"renamed\" {NEW_CLUSTER} }}");
    demo.call(CLUSTERS, "UpdateCluster", &changed).await.expect("updated");
    let got = demo.send(CLUSTERS, "GetCluster", &named(&id), &[]).await.expect("found").into_inner();
    let got = part(&got, "cluster");
    assert_eq!(text(&got, "name"), "renamed");
    assert_eq!(got.get_field_by_name("created_at"), created.get_field_by_name("created_at"));
    assert_eq!(part(&got, "state"), state);

    demo.call(CLUSTERS, "DeleteCluster", &named(&id)).await.expect("deleted");
    for method in ["GetCluster", "DeleteCluster", "SuspendCluster"] {
        let gone = demo.call(CLUSTERS, method, &named(&id)).await.expect_err(method);
        assert_eq!(gone.code(), Code::NotFound, "{method}");
        assert_eq!(gone.message(), format!("no cluster with `cluster_id` `{id}`"));
    }
    let gone = demo.call(CLUSTERS, "UpdateCluster", &changed).await.expect_err("gone");
    assert_eq!((gone.code(), gone.message()), (Code::NotFound, &*format!("no cluster with `id` `{id}`")));
}

#[tokio::test]
async fn what_exists_is_not_created_again() {
    let demo = Fixture::model().await;
    demo.call(CLUSTERS, "CreateCluster", &new_cluster("twice")).await.expect("created");
    let again = demo.call(CLUSTERS, "CreateCluster", &new_cluster("twice")).await.expect_err("exists");
    assert_eq!(
        (again.code(), again.message()),
        (Code::AlreadyExists, "a cluster with `name` `twice` exists already")
    );
    let elsewhere = new_cluster("twice").replace(ACCOUNT_ID, &ident::uuid_of("another account"));
    demo.call(CLUSTERS, "CreateCluster", &elsewhere).await.expect("another account may");
    let id = ident::uuid_of("cluster/wiki");
    let same_id = new_cluster("other").replacen("name:", &format!("id: \"{id}\" name:"), 1);
    let again = demo.call(CLUSTERS, "CreateCluster", &same_id).await.expect_err("exists");
    assert_eq!(again.code(), Code::AlreadyExists);
    let taken =
        format!("cluster {{ id: \"{id}\" account_id: \"{ACCOUNT_ID}\" name: \"twice\" {NEW_CLUSTER} }}");
    let taken = demo.call(CLUSTERS, "UpdateCluster", &taken).await.expect_err("taken");
    assert_eq!(taken.code(), Code::AlreadyExists);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let demo = Fixture::model().await;
    let all = demo.list_names(&format!("account_id: \"{ACCOUNT_ID}\"")).await;
    assert_eq!(all.len(), 25);
    assert_eq!(all[0], "product-search");
    let azure = demo.list_names(&format!("account_id: \"{ACCOUNT_ID}\" cloud_provider_id: \"azure\"")).await;
    assert_eq!(azure, ["spare-parts", "manuals", "contract-review", "patents"]);
    let nobody = demo.list_names(&format!("account_id: \"{}\"", ident::uuid())).await;
    assert!(nobody.is_empty());

    let (mut shown, mut token) = (Vec::new(), String::new());
    let mut pages = 0;
    loop {
        let at = if token.is_empty() { String::new() } else { format!("page_token: \"{token}\"") };
        let request = format!("account_id: \"{ACCOUNT_ID}\" page_size: 10 {at}");
        let page = demo.send(CLUSTERS, "ListClusters", &request, &[]).await.expect("a page").into_inner();
        assert!(page.get_field_by_name("total_size").expect("total").as_i32() >= Some(25));
        let items = page.get_field_by_name("items").expect("items").into_owned();
        shown.extend(
            items.as_list().expect("a list").iter().map(|item| text(item.as_message().expect("one"), "name")),
        );
        pages += 1;
        if pages == 1 {
            demo.call(CLUSTERS, "CreateCluster", &new_cluster("newcomer")).await.expect("created");
            demo.call(CLUSTERS, "DeleteCluster", &named(&ident::uuid_of("cluster/product-search")))
                .await
                .expect("gone");
        }
        token = text(&page, "next_page_token");
        if token.is_empty() {
            break;
        }
    }
    let expected: Vec<_> = all.iter().map(String::as_str).chain(["newcomer"]).collect();
    assert_eq!((pages, shown), (3, expected.into_iter().map(str::to_owned).collect()));
}

#[tokio::test]
async fn tokens_that_the_list_did_not_give_are_refused() {
    let demo = Fixture::model().await;
    let first = format!("account_id: \"{ACCOUNT_ID}\" page_size: 2");
    let page = demo.send(CLUSTERS, "ListClusters", &first, &[]).await.expect("a page").into_inner();
    let token = text(&page, "next_page_token");
    let other = format!("account_id: \"{ACCOUNT_ID}\" cloud_provider_id: \"aws\" page_token: \"{token}\"");
    let larger = format!("account_id: \"{ACCOUNT_ID}\" page_size: 5 page_token: \"{token}\"");
    assert_eq!(demo.list_names(&larger).await.len(), 5, "the size may change");
    for request in
        [other, format!("account_id: \"{ACCOUNT_ID}\" page_token: \"x!\""), "page_size: -1".to_owned()]
    {
        let refused = demo.call(CLUSTERS, "ListClusters", &request).await.expect_err("refused");
        assert_eq!(refused.code(), Code::InvalidArgument, "{request}");
    }
}

#[tokio::test]
async fn actions_change_the_state() {
    let demo = Fixture::model().await;
    let id = ident::uuid_of("cluster/wiki");
    let phase = async || {
        let got = demo.send(CLUSTERS, "GetCluster", &named(&id), &[]).await.expect("found").into_inner();
        let state = part(&part(&got, "cluster"), "state");
        (state.get_field_by_name("phase").and_then(|phase| phase.as_enum_number()), state)
    };
    assert_eq!(phase().await.0, Some(12), "healthy");
    demo.call(CLUSTERS, "SuspendCluster", &named(&id)).await.expect("suspended");
    assert_eq!(phase().await.0, Some(8), "suspended");
    demo.call(CLUSTERS, "UnsuspendCluster", &named(&id)).await.expect("back");
    let (healthy, before) = phase().await;
    assert_eq!(healthy, Some(12));
    demo.call(CLUSTERS, "RestartCluster", &named(&id)).await.expect("restarted");
    let (_, after) = phase().await;
    assert_ne!(after.get_field_by_name("restarted_at"), before.get_field_by_name("restarted_at"));
    assert_eq!(after.get_field_by_name("jwt_rbac").and_then(|flag| flag.as_bool()), Some(false));
    demo.call(CLUSTERS, "EnableClusterJwtRbac", &named(&id)).await.expect("enabled");
    assert_eq!(phase().await.1.get_field_by_name("jwt_rbac").and_then(|flag| flag.as_bool()), Some(true));

    let invite = format!("account_id: \"{ACCOUNT_ID}\" invite_id: \"{}\"", ident::uuid_of("invite/edsger"));
    let answer = demo.call("qdrant.cloud.account.v1.AccountService", "AcceptAccountInvite", &invite).await;
    assert!(answer.expect("accepted").contains("ACCOUNT_INVITE_STATUS_ACCEPTED"));
}

#[tokio::test]
async fn backups_restore_and_become_clusters() {
    let demo = Fixture::model().await;
    let backup = ident::uuid_of("backup/product-search-1");
    let request = format!("account_id: \"{ACCOUNT_ID}\" backup_id: \"{backup}\"");
    demo.call(BACKUPS, "RestoreBackup", &request).await.expect("restored");
    let listed = demo.call(BACKUPS, "ListBackupRestores", &format!("account_id: \"{ACCOUNT_ID}\"")).await;
    let listed = listed.expect("a list");
    assert_eq!(listed.matches(&format!("backup_id:\"{backup}\"")).count(), 2, "{listed}");

    let made = format!("{request} cluster_name: \"phoenix\"");
    let made = demo.send(CLUSTERS, "CreateClusterFromBackup", &made, &[]).await.expect("made").into_inner();
    let cluster = part(&made, "cluster");
    assert_eq!(text(&cluster, "name"), "phoenix");
    assert_eq!(text(&cluster, "cloud_provider_region_id"), "eu-central-1");
    assert_eq!(
        part(&cluster, "configuration").get_field_by_name("number_of_nodes").expect("set").as_u32(),
        Some(3)
    );
    let absent = format!("account_id: \"{ACCOUNT_ID}\" backup_id: \"{}\"", ident::uuid());
    let absent = demo.call(CLUSTERS, "CreateClusterFromBackup", &absent).await.expect_err("no backup");
    assert_eq!(absent.code(), Code::NotFound);
}

#[tokio::test]
async fn secrets_are_shown_once() {
    let demo = Fixture::model().await;
    let service = "qdrant.cloud.auth.v1.AuthService";
    let request = format!("management_key {{ account_id: \"{ACCOUNT_ID}\" }}");
    let made = demo.send(service, "CreateManagementKey", &request, &[]).await.expect("made").into_inner();
    let key = part(&made, "management_key");
    let secret = text(&key, "key");
    assert!(secret.len() >= 32 && secret.starts_with(&text(&key, "prefix")));
    let listed = demo.call(service, "ListManagementKeys", &format!("account_id: \"{ACCOUNT_ID}\"")).await;
    let listed = listed.expect("a list");
    assert!(listed.contains(&text(&key, "prefix")) && !listed.contains(&secret), "{listed}");
}

#[tokio::test]
async fn the_model_api_is_answered_as_far_as_it_goes() {
    let demo = Fixture::model().await;
    let account = format!("account_id: \"{ACCOUNT_ID}\"");
    let region = "cloud_provider_id: \"aws\" region_id: \"us-east-1\"";
    for (service, method, request, expected) in [
        ("account.v1.AccountService", "GetAccount", account.clone(), "Example Robotics"),
        ("account.v1.AccountService", "ListAccounts", String::new(), "Example Labs"),
        (
            "account.v1.AccountService",
            "ListAccountInvites",
            format!("{account} statuses: ACCOUNT_INVITE_STATUS_ACCEPTED"),
            "linus@example.com",
        ),
        (
            "account.v1.AccountService",
            "GetAccountMember",
            format!("{account} user_id: \"{}\"", ident::uuid_of("user/grace")),
            "grace@example.com",
        ),
        ("iam.v1.IAMService", "ListRoles", account.clone(), "Operators"),
        ("iam.v1.IAMService", "GetUserProfile", String::new(), "Ada"),
        ("iam.v1.IAMService", "GetAuthenticatedUser", String::new(), "ada@example.com"),
        (
            "platform.v1.PlatformService",
            "GetGlobalCloudProviderRegion",
            region.to_owned(),
            "Northern Virginia",
        ),
        (
            "cluster.v1.ClusterService",
            "GetQdrantRelease",
            format!("{account} version: \"v1.9.7\""),
            "end_of_life:true",
        ),
        ("quota.v1.QuotaService", "GetAccountQuotas", account.clone(), "max_clusters:50"),
        ("serverless.quota.v1.QuotaService", "GetQuotas", account.clone(), "max_spaces:10"),
    ] {
        let service = format!("qdrant.cloud.{service}");
        let answer = demo.call(&service, method, &request).await.expect(method);
        assert!(answer.contains(expected), "{method}: {answer}");
    }
    let only_aws = demo.call(
        "qdrant.cloud.platform.v1.PlatformService",
        "ListGlobalCloudProviderRegions",
        "cloud_provider_id: \"aws\"",
    );
    let only_aws = only_aws.await.expect("regions");
    assert!(only_aws.contains("Sydney") && !only_aws.contains("westeurope"), "{only_aws}");
    let key = format!("{account} cluster_id: \"{}\"", ident::uuid_of("cluster/product-search"));
    let keys =
        demo.call("qdrant.cloud.cluster.auth.v1.DatabaseApiKeyService", "ListDatabaseApiKeys", &key).await;
    assert!(keys.expect("keys").contains("a71c09"));
}

#[tokio::test]
async fn what_is_not_implemented_says_so() {
    let demo = Fixture::model().await;
    for (service, method) in [
        ("qdrant.cloud.cluster.v1.ClusterService", "GetClusterDownscaleRisk"),
        ("qdrant.cloud.hybrid.v1.HybridCloudService", "GenerateBootstrapCommands"),
        ("qdrant.cloud.iam.v1.IAMService", "AssignUserRoles"),
        ("qdrant.cloud.iam.v1.IAMService", "LogoutUser"),
        ("qdrant.cloud.account.v1.AccountService", "LeaveAccount"),
    ] {
        let refused = demo.call(service, method, "").await.expect_err(method);
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::Unimplemented, "the demo backend does not implement this method"),
            "{method}"
        );
    }
    let unknown = send(&demo.channel, "/no.Such/Method", Vec::new(), &[]).await.expect_err("unknown");
    assert_eq!(unknown.code(), Code::Unimplemented);
}

#[tokio::test]
async fn names_are_suggested() {
    let demo = Fixture::model().await;
    let answer =
        demo.send(CLUSTERS, "SuggestClusterName", &format!("account_id: \"{ACCOUNT_ID}\""), &[]).await;
    let name = text(&answer.expect("a name").into_inner(), "name");
    assert!(
        name.split('-').count() == 2 && name.chars().all(|c| c == '-' || c.is_ascii_lowercase()),
        "{name}"
    );
}

#[tokio::test]
async fn resources_named_by_path_work_too() {
    let demo = Fixture::new(library()).await;
    let library = async |method: &str, request: &str| demo.call("library.v1.Library", method, request).await;
    let book = library(
        "CreateBook",
        "parent: \"shelves/1\" book_id: \"emma\" book { title: \"Emma\" cover { colour: \"red\" hard: true } }",
    );
    let book = book.await.expect("created");
    assert!(
        book.starts_with("name:\"shelves/1/books/emma\",title:\"Emma\"") && book.contains("create_time"),
        "{book}"
    );
    let again = library("CreateBook", "parent: \"shelves/1\" book_id: \"emma\"").await.expect_err("exists");
    assert_eq!(again.code(), Code::AlreadyExists);
    library("CreateBook", "parent: \"shelves/11\" book { title: \"Ulysses\" }").await.expect("created");
    assert_eq!(library("GetBook", "name: \"shelves/1/books/emma\"").await.expect("found"), book);
    assert_eq!(library("GetBook", "").await.expect_err("no name").code(), Code::NotFound);
    let listed = library("ListBooks", "parent: \"shelves/1\"").await.expect("a list");
    assert!(listed.contains("Emma") && !listed.contains("Ulysses"), "{listed}");

    let masked = "book { name: \"shelves/1/books/emma\" cover { colour: \"blue\" } } update_mask { paths: \"cover.colour\" }";
    let updated = library("UpdateBook", masked).await.expect("updated");
    assert!(updated.contains("title:\"Emma\",cover:{colour:\"blue\",hard:true}"), "{updated}");
    let wrong = masked.replace("cover.colour", "cover.weight");
    let wrong = library("UpdateBook", &wrong).await.expect_err("no such field");
    assert_eq!(wrong.message(), "`update_mask` names `cover.weight`, which is no field of a book");
    library("DeleteBook", "name: \"shelves/1/books/emma\"").await.expect("deleted");
    assert_eq!(
        library("GetBook", "name: \"shelves/1/books/emma\"").await.expect_err("gone").code(),
        Code::NotFound
    );

    let echoed = library("Echo", "name: \"here\" title: \"and there\"").await.expect("echoed");
    assert_eq!(echoed, "name:\"here\",title:\"and there\"");
    assert_eq!(library("Burn", "").await.expect_err("no").code(), Code::Unimplemented);
    assert_eq!(library("Watch", "").await.expect_err("no").code(), Code::Unimplemented);
}

#[tokio::test]
async fn numbers_as_ids_and_states_at_the_top_work_too() {
    let demo = Fixture::new(library()).await;
    let counters =
        async |method: &str, request: &str| demo.call("library.v1.Counters", method, request).await;
    assert_eq!(
        counters("CreateCounter", "counter { label: \"a\" }").await.expect("made"),
        "id:1,label:\"a\",state:COUNTER_STATE_RUNNING"
    );
    counters("CreateCounter", "counter { label: \"b\" }").await.expect("made");
    assert_eq!(
        counters("GetCounter", "counter_id: 2").await.expect("found"),
        "id:2,label:\"b\",state:COUNTER_STATE_RUNNING"
    );
    assert_eq!(
        counters("StopCounter", "counter_id: 2").await.expect("stopped"),
        "id:2,label:\"b\",state:COUNTER_STATE_STOPPED"
    );
    assert_eq!(
        counters("StopCounter", "counter_id: 3").await.expect_err("none").message(),
        "no counter with `counter_id` `3`"
    );
}

#[tokio::test]
async fn reflection_and_health_answer() {
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

    let demo = Fixture::model().await;
    for version in ["v1", "v1alpha"] {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        let mut grpc = Grpc::new(demo.channel.clone());
        grpc.ready().await.expect("ready");
        let requests = futures_util::stream::iter([Bytes::from(request.encode_to_vec())]);
        let path = PathAndQuery::try_from(path).expect("a path");
        let answers = grpc.streaming(Request::new(requests), path, Raw).await.expect("reflection");
        let answer = answers.into_inner().message().await.expect("sound").expect("one answer");
        let answer = ServerReflectionResponse::decode(answer).expect("an answer");
        let listed = format!("{answer:?}");
        for service in [CLUSTERS, "grpc.health.v1.Health"] {
            assert!(listed.contains(service), "{version}: {listed}");
        }
    }
    let health = send(&demo.channel, "/grpc.health.v1.Health/Check", Vec::new(), &[]).await.expect("health");
    let health = tonic_health::pb::HealthCheckResponse::decode(health.into_inner()).expect("an answer");
    assert_eq!(health.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
}

#[tokio::test]
async fn faults_happen_on_request() {
    let demo = Fixture::model().await;
    let request = format!("account_id: \"{ACCOUNT_ID}\"");
    let fault = async |fault: &str| {
        demo.send(CLUSTERS, "SuggestClusterName", &request, &[("transom-fault", fault)]).await
    };
    let code = async |text: &str| fault(text).await.expect_err(text).code();
    let missing = fault("status=5;message=gone%20away").await.expect_err("a fault");
    assert_eq!((missing.code(), missing.message()), (Code::NotFound, "gone away"));
    for text in ["status=9;late", "status=9;after-message"] {
        assert_eq!(code(text).await, Code::FailedPrecondition, "{text}");
    }
    let detailed = fault("details=bad-request").await.expect_err("a fault");
    let details = tonic_types::pb::Status::decode(detailed.details()).expect("details").details;
    assert_eq!(details.len(), 2);
    assert_eq!(details[0].type_url, "type.googleapis.com/google.rpc.BadRequest");
    for (text, expected) in [
        ("reset", Code::Internal),
        ("reset=REFUSED_STREAM", Code::Unavailable),
        ("reset=CANCEL", Code::Cancelled),
        ("reset=ENHANCE_YOUR_CALM", Code::ResourceExhausted),
        ("break", Code::Internal),
        ("html=503", Code::Unavailable),
        ("nonsense", Code::InvalidArgument),
        ("transom", Code::InvalidArgument),
    ] {
        assert_eq!(code(text).await, expected, "{text}");
    }
    for text in ["no-message", "garbage", "truncate"] {
        fault(text).await.expect_err(text);
    }
    let large = send(
        &demo.channel,
        &format!("/{CLUSTERS}/SuggestClusterName"),
        Vec::new(),
        &[("transom-fault", "oversize=1MiB")],
    );
    assert!(large.await.expect("large").into_inner().len() > 1 << 20);
    let started = Instant::now();
    fault("delay=50ms").await.expect("late but sound");
    assert!(started.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn metadata_is_echoed_and_added() {
    let demo = Fixture::model().await;
    let metadata = [
        ("x-colour", "red"),
        ("x-colour", "blue"),
        ("x-raw-bin", "AQID"),
        ("transom-echo-metadata", "1"),
        ("transom-answer-header", "x-new=one"),
        ("transom-answer-trailer", "x-end-bin=/w"),
    ];
    let answer = demo.send(CLUSTERS, "SuggestClusterName", "", &metadata).await.expect("answered");
    // tonic's client merges trailers into the metadata of a unary answer.
    let headers = answer.metadata();
    let all = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().expect("ASCII").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(all("echo-x-colour"), ["red", "blue", "red", "blue"]);
    assert_eq!(all("x-new"), ["one"]);
    let raw = headers.get_bin("x-end-bin").expect("trailer").to_bytes().expect("base64");
    assert_eq!(raw, Bytes::from_static(&[0xff]));
    assert_eq!(
        headers.get_bin("echo-x-raw-bin").expect("echo").to_bytes().expect("base64"),
        Bytes::from_static(&[1, 2, 3])
    );
    let _: AsciiMetadataKey = "x-new".parse().expect("a key");
}

#[tokio::test]
async fn deadlines_hold_and_cancellation_is_seen() {
    let demo = Fixture::model().await;
    let path = format!("/{CLUSTERS}/ListClusters");
    let hang = [("transom-fault", "hang"), ("grpc-timeout", "50m")];
    let late = send(&demo.channel, &path, vec![10, 1, b'x'], &hang).await.expect_err("late");
    assert_eq!(late.code(), Code::DeadlineExceeded);
    let seen = demo.backend.calls();
    let last = seen.last().expect("a call");
    assert_eq!((last.path.as_str(), last.timeout), (path.as_str(), Some(Duration::from_millis(50))));
    assert_eq!((last.message.as_ref(), last.outcome), (&[10, 1, b'x'][..], Outcome::Completed));
    assert_eq!(last.metadata["te"], "trailers");

    let (channel, other) = (demo.channel.clone(), path.clone());
    let call =
        tokio::spawn(async move { send(&channel, &other, Vec::new(), &[("transom-fault", "hang")]).await });
    let outcome = || demo.backend.calls().last().map(|call| (call.timeout, call.outcome));
    until("the call is seen", || outcome() == Some((None, Outcome::Running))).await;
    call.abort();
    until("the call is cancelled", || outcome() == Some((None, Outcome::Cancelled))).await;
}

#[tokio::test]
async fn connections_end_when_told_to() {
    let demo = Fixture::model().await;
    let call = async || demo.call(CLUSTERS, "SuggestClusterName", "").await;
    call().await.expect("answered");
    assert_eq!(demo.backend.connections(), 1);
    let going = [("transom-fault", "goaway")];
    demo.send(CLUSTERS, "SuggestClusterName", "", &going).await.expect("answered, then closed");
    let deadline = Instant::now() + Duration::from_secs(5);
    while demo.backend.connections() == 1 && Instant::now() < deadline {
        let _ = call().await;
    }
    assert_eq!(demo.backend.connections(), 2, "a new connection after GOAWAY");
    demo.backend.disconnect();
    while demo.backend.connections() == 2 && Instant::now() < deadline {
        let _ = call().await;
    }
    assert_eq!(demo.backend.connections(), 3, "a new connection after a broken one");
}

#[tokio::test]
async fn a_stopped_backend_frees_its_port() {
    let pool = library();
    let first = Backend::start(pool.clone(), loopback()).await.expect("a port");
    let address = first.address();
    let taken = Backend::start(pool.clone(), address).await.expect_err("taken");
    assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse);
    first.stop().await;
    let second = Backend::start(pool.clone(), address).await.expect("free again");
    assert_eq!(second.address(), address);
    drop(second);
    let deadline = Instant::now() + Duration::from_secs(5);
    while let Err(busy) = Backend::start(pool.clone(), address).await {
        assert!(Instant::now() < deadline, "{busy}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn unix_sockets_and_bare_stores_work_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("backend.sock");
    let options = Options { seeded: false, remembered_calls: 0, ..Options::default() };
    let pool = model_api();
    let backend = Backend::start_unix(pool.clone(), &path, options).await.expect("a socket");
    assert_eq!(backend.url(), format!("unix://{}", path.display()));
    let channel =
        Channel::from_shared(backend.url().to_owned()).expect("a url").connect().await.expect("connected");
    let demo = Fixture { backend, pool, channel };
    assert!(demo.list_names("").await.is_empty());
    assert!(demo.backend.calls().is_empty());
}

#[tokio::test]
async fn tls_works_too() {
    use std::sync::Arc;

    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, ServerName};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate.clone()], key);
    let tls = Some(Arc::new(config.expect("a TLS config")));
    let backend = Backend::start_with(library(), loopback(), Options { tls, ..Options::default() }).await;
    let backend = backend.expect("a port");
    assert!(backend.url().starts_with("https://127.0.0.1:"));

    let mut roots = RootCertStore::empty();
    roots.add(certificate).expect("a root");
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = tokio::net::TcpStream::connect(backend.address()).await.expect("connected");
    let name = ServerName::try_from("localhost").expect("a name");
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    tokio::spawn(connection);
    let request = http::Request::post("https://localhost/library.v1.Library/Echo")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a request");
    let (answer, mut body) = requests.send_request(request, false).expect("sent");
    body.send_data(Bytes::from_static(&[0, 0, 0, 0, 3, 10, 1, b'x']), true).expect("sent");
    let mut answer = answer.await.expect("answered").into_body();
    let mut echoed = Vec::new();
    while let Some(data) = answer.data().await {
        echoed.extend_from_slice(&data.expect("data"));
    }
    assert_eq!(echoed, [0, 0, 0, 0, 3, 10, 1, b'x']);
    let trailers = answer.trailers().await.expect("sound").expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
}
