//! The files in `deploy/`: their configuration loads, and what they say agrees with it and with the program.

use std::fs;
use std::process::Command;

use serde_json::Value;
use transom::config::Settings;
use transom::serve::ListenAddress;
use transom::units::Period;

use crate::support::{Folder, repository};

fn deploy(file: &str) -> String {
    fs::read_to_string(repository("deploy").join(file)).expect("a file in deploy/")
}

fn manifest() -> Vec<Value> {
    serde_saphyr::from_multiple(&deploy("kubernetes.yaml")).expect("YAML documents")
}

fn of_kind<'m>(manifest: &'m [Value], kind: &str) -> &'m Value {
    let found = manifest.iter().find(|resource| resource["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in the manifest"))
}

/// The `ConfigMap` as the folder that a pod sees.
fn mounted() -> Folder {
    let manifest = manifest();
    let folder = Folder::new("");
    for (name, text) in of_kind(&manifest, "ConfigMap")["data"].as_object().expect("files") {
        folder.write(name, text.as_str().expect("a text"));
    }
    folder
}

fn settings() -> Settings {
    let (settings, problems) = mounted().load(&[]);
    assert!(problems.is_empty(), "{problems}");
    settings.expect("settings")
}

fn port(address: &ListenAddress) -> u16 {
    match address {
        ListenAddress::Tcp(address) => address.port(),
        ListenAddress::Unix(path) => panic!("a pod's port, not {}", path.display()),
    }
}

/// The output of `transom`, and whether it went well.
fn transom(args: &[&str]) -> (bool, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_transom")).args(args).output().expect("the binary runs");
    let text = [run.stdout, run.stderr].concat();
    (run.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_pods_ports_and_probes_are_those_of_its_configuration() {
    let manifest = manifest();
    let settings = settings();
    let pod = &of_kind(&manifest, "Deployment")["spec"]["template"]["spec"];
    let containers = pod["containers"].as_array().expect("containers");
    let sidecar = containers.iter().find(|container| container["name"] == "transom").expect("transom");
    let ports = sidecar["ports"].as_array().expect("ports");
    let named =
        |name: &str| ports.iter().find(|port| port["name"] == name).map(|port| &port["containerPort"]);
    assert_eq!(named("http"), Some(&port(&settings.serve.listeners[0].address).into()));
    assert_eq!(named("admin"), Some(&port(&settings.admin.listen.expect("an admin listener")).into()));
    assert_eq!(of_kind(&manifest, "Service")["spec"]["ports"][0]["targetPort"], "http");
    for (probe, path) in [("readinessProbe", "/readyz"), ("livenessProbe", "/livez")] {
        assert_eq!(sidecar[probe]["httpGet"]["path"], path);
        assert_eq!(sidecar[probe]["httpGet"]["port"], "admin");
    }
    let pause = sidecar["lifecycle"]["preStop"]["sleep"]["seconds"].as_u64().expect("a pause");
    let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("a grace period");
    assert!(grace > pause + settings.serve.drain.as_secs(), "the drain is cut short");
    let mount = &sidecar["volumeMounts"][0];
    assert!(mount["subPath"].is_null(), "a subPath never changes");
    let config = sidecar["args"][2].as_str().expect("a path");
    assert_eq!(config, format!("{}/transom.yaml", mount["mountPath"].as_str().expect("a folder")));
}

#[test]
fn the_pods_contract_has_its_routes() {
    let folder = mounted();
    let config = folder.config();
    let (fine, text) = transom(&["routes", "--json", "--config", config.to_str().expect("text")]);
    assert!(fine, "{text}");
    let routes: Value = serde_json::from_str(&text).expect("JSON");
    let paths: Vec<_> =
        routes.as_array().expect("routes").iter().map(|route| route["path"].as_str()).collect();
    assert_eq!(paths, [Some("/v1/{name=shelves/*/books/*}"), Some("/v1/{parent=shelves/*}/books")]);
}

#[test]
fn every_command_line_is_one_that_the_program_takes() {
    let unit = deploy("transom.service");
    let from_unit = unit.lines().filter_map(|line| {
        let command = line.strip_prefix("ExecStart=").or_else(|| line.strip_prefix("ExecStartPre="))?;
        Some(command.split(' ').skip(1).map(str::to_owned).collect::<Vec<_>>())
    });
    let image = deploy("Dockerfile");
    let from_image = image.lines().filter_map(|line| serde_json::from_str(line.strip_prefix("CMD ")?).ok());
    let manifest = manifest();
    let pod = &of_kind(&manifest, "Deployment")["spec"]["template"]["spec"];
    let from_pod = serde_json::from_value(pod["containers"][1]["args"].clone()).expect("arguments");
    let commands: Vec<Vec<String>> = from_unit.chain(from_image).chain([from_pod]).collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        let (name, flags) = command.split_first().expect("a command");
        let (fine, help) = transom(&[name, "--help"]);
        assert!(fine, "{name}");
        for flag in flags.iter().filter(|word| word.starts_with('-')) {
            assert!(help.contains(&format!("{flag} <")), "`{flag}` of {command:?}");
        }
        assert_eq!(flags.last().map(String::as_str), Some("/etc/transom/transom.yaml"));
    }
}

#[test]
fn the_unit_waits_longer_than_the_default_drain() {
    let unit = deploy("transom.service");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).expect("a time to stop");
    let drain = transom::config::file::File::default().limits.drain;
    assert!(stop.parse::<Period>().expect("a period") > drain);
}
