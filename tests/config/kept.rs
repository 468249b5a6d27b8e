//! What a reload keeps: an upstream whose settings are the same, wherever in the file they stand.

use transom::gateway::Snapshot;
use transom::upstream::Upstream;

use crate::support::Folder;

const CONFIG: &str = "schema: {embedded_api: true}\nupstreams:\n  - url: http://127.0.0.1:1\n";

#[tokio::test]
async fn an_upstream_is_kept_until_its_settings_change() {
    let folder = Folder::new(CONFIG);
    let build = |previous: Option<&Snapshot>| {
        let (settings, mut problems) = folder.load(&[]);
        let settings = settings.unwrap_or_else(|| panic!("{problems}"));
        Snapshot::build(&settings.gateway, previous, &mut problems).unwrap_or_else(|| panic!("{problems}"))
    };
    let upstream =
        |snapshot: &Snapshot| std::ptr::from_ref::<Upstream>(snapshot.upstream(0, None).expect("one").0);
    let first = build(None);
    folder.write("transom.yaml", &format!("# A line above.\n{CONFIG}"));
    let second = build(Some(&first));
    assert_eq!(upstream(&second), upstream(&first), "it only moved down");
    folder.write("transom.yaml", &format!("{CONFIG}    connections: 2\n"));
    let third = build(Some(&second));
    assert_ne!(upstream(&third), upstream(&second), "it has other settings");
}
