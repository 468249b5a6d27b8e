//! What the two benchmarks of this package share: the cases, and all contenders for each.

mod case;
mod contenders;
mod generated;
#[path = "../../support/model.rs"]
mod model;
mod texts;

use prost_reflect::DescriptorPool;
use transom::problem::Problems;
use transom::schema;

pub use case::{Case, Contender, Direction, Targets};
use generated::{bench, cluster};

/// All cases, each proved. Those whose name does not contain `filter` are left out.
pub fn cases(filter: &str) -> Vec<Case> {
    let pool = pool();
    let mut cases = Vec::new();
    macro_rules! case {
        ($name:literal, $type:ty, $full_name:literal, $json:expr, $targets:expr) => {
            if $name.contains(filter) {
                let desc = pool.get_message_by_name($full_name).expect("the message is declared");
                cases.extend(contenders::of::<$type>($name, &desc, &$json, &$targets));
            }
        };
    }
    let (model, floats, strings) =
        (Targets::model(), Targets::beside_reflect(2.0), Targets::beside_reflect(4.0));
    case!(
        "get",
        cluster::GetClusterResponse,
        "qdrant.cloud.cluster.v1.GetClusterResponse",
        model::get(),
        model
    );
    case!(
        "create",
        cluster::CreateClusterRequest,
        "qdrant.cloud.cluster.v1.CreateClusterRequest",
        model::create(),
        model
    );
    case!(
        "list20",
        cluster::ListClustersResponse,
        "qdrant.cloud.cluster.v1.ListClustersResponse",
        model::list(20),
        model
    );
    case!(
        "list200",
        cluster::ListClustersResponse,
        "qdrant.cloud.cluster.v1.ListClustersResponse",
        model::list(200),
        model
    );
    case!("doubles", bench::Doubles, "bench.Doubles", texts::doubles(), floats);
    case!("floats", bench::Floats, "bench.Floats", texts::floats(), floats);
    case!("short strings", bench::Strings, "bench.Strings", texts::short(), strings);
    case!("long strings", bench::Strings, "bench.Strings", texts::long(), strings);
    case!("escaped strings", bench::Strings, "bench.Strings", texts::escaped(), strings);
    case!("foreign strings", bench::Strings, "bench.Strings", texts::foreign(), strings);
    case!("map of strings", bench::Labels, "bench.Labels", texts::labels(), Targets::default());
    case!("map of messages", bench::Rooms, "bench.Rooms", texts::rooms(), Targets::default());
    cases
}

/// The model API and `protos/shapes.proto`.
fn pool() -> DescriptorPool {
    let settings = schema::Settings {
        protos: vec![concat!(env!("CARGO_MANIFEST_DIR"), "/protos/shapes.proto").into()],
        embedded_api: true,
        ..schema::Settings::default()
    };
    let mut problems = Problems::new();
    let schema = schema::load(&settings, &mut problems);
    schema.unwrap_or_else(|| panic!("{problems}")).pool().clone()
}
