//! The JSON texts that the benchmarks work on: clusters of the model API as a console would show them, every
//! field in the order of its number, so that all who write the message write the same bytes.

/// `ListClustersResponse`: 20 clusters are 29 KiB, 200 are 288 KiB.
pub fn list(count: usize) -> String {
    let items: Vec<_> = (0..count).map(cluster).collect();
    format!(r#"{{"items":[{}],"totalSize":{count},"nextPageToken":"b2Zmc2V0PTIwMA"}}"#, items.join(","))
}

/// `GetClusterResponse`: 1 KiB, a cluster that was just created.
pub fn get() -> String {
    let [own, account, package] = ids(7);
    format!(
        r#"{{"cluster":{{"id":"{own}","createdAt":"2026-03-14T15:09:26.535897Z","accountId":"{account}","name":"catalogue-search-07","cloudProviderId":"aws","cloudProviderRegionId":"eu-central-1","configuration":{{"numberOfNodes":3,"version":"v1.15.4","packageId":"{package}","additionalResources":{{"disk":40}},"databaseConfiguration":{{"collection":{{"replicationFactor":2,"vectors":{{"onDisk":true}}}}}},"serviceType":"CLUSTER_SERVICE_TYPE_CLUSTER_IP"}},"state":{{"version":"v1.15.4","nodesUp":2,"phase":"CLUSTER_PHASE_CREATING","reason":"waiting for one of three nodes","endpoint":{{"url":"https://{own}.eu-central-1-0.aws.example.com","restPort":6333,"grpcPort":6334}},"resources":{{"disk":{{"base":8,"available":7.25}},"ram":{{"base":2,"available":1.5}},"cpu":{{"base":0.5,"available":0.4}}}},"capabilities":{{"diskExpansion":{{"status":"CLUSTER_DISK_EXPANSION_SUPPORT_STATUS_SUPPORTED"}}}}}}}}}}"#
    )
}

/// `CreateClusterRequest`: 2 KiB, mostly configuration.
pub fn create() -> String {
    let [_, account, package] = ids(3);
    format!(
        r#"{{"cluster":{{"accountId":"{account}","name":"catalogue-search-03","cloudProviderId":"hybrid","cloudProviderRegionId":"{package}","labels":[{{"key":"team","value":"search"}},{{"key":"example.com/stage","value":"production"}}],"costAllocationLabel":"catalogue","configuration":{{"numberOfNodes":5,"version":"v1.15.4","packageId":"{package}","additionalResources":{{"disk":120}},"databaseConfiguration":{{"collection":{{"replicationFactor":3,"writeConsistencyFactor":2,"vectors":{{"onDisk":true}}}},"storage":{{"performance":{{"optimizerCpuBudget":-1,"asyncScorer":true}}}},"service":{{"apiKey":{{"name":"catalogue-keys","key":"api-key"}},"readOnlyApiKey":{{"name":"catalogue-keys","key":"read-only-api-key"}},"enableTls":true}},"logLevel":"DATABASE_CONFIGURATION_LOG_LEVEL_INFO","tls":{{"cert":{{"name":"catalogue-tls","key":"tls.crt"}},"key":{{"name":"catalogue-tls","key":"tls.key"}}}},"inference":{{"enabled":true}},"auditLogging":{{"enabled":true,"rotation":"AUDIT_LOG_ROTATION_DAILY","maxLogFiles":14}}}},"nodeSelector":[{{"key":"node.example.com/pool","value":"databases"}}],"tolerations":[{{"key":"dedicated","operator":"TOLERATION_OPERATOR_EQUAL","value":"databases","effect":"TOLERATION_EFFECT_NO_SCHEDULE"}},{{"key":"node.example.com/unreachable","operator":"TOLERATION_OPERATOR_EXISTS","effect":"TOLERATION_EFFECT_NO_EXECUTE","tolerationSeconds":"300"}}],"annotations":[{{"key":"example.com/owner","value":"search@example.com"}}],"allowedIpSourceRanges":["10.20.0.0/16","192.0.2.0/24","198.51.100.17/32"],"serviceType":"CLUSTER_SERVICE_TYPE_LOAD_BALANCER","serviceAnnotations":[{{"key":"example.com/load-balancer-type","value":"internal"}}],"podLabels":[{{"key":"scrape","value":"true"}}],"reservedCpuPercentage":20,"reservedMemoryPercentage":15,"restartPolicy":"CLUSTER_CONFIGURATION_RESTART_POLICY_ROLLING","rebalanceStrategy":"CLUSTER_CONFIGURATION_REBALANCE_STRATEGY_BY_COUNT_AND_SIZE"}}}}}}"#
    )
}

/// One of many: no two have the same identifiers, times or figures.
fn cluster(index: usize) -> String {
    let [own, account, package] = ids(index);
    let (minute, second, millis) = (index % 60, index * 7 % 60, index * 37 % 900 + 100);
    let (ram, cpu) = (4 << (index % 4), 1 << (index % 3));
    let (free_ram, free_cpu) = (f64::from(ram) * 0.615, f64::from(cpu) * 0.37);
    let nodes = index % 5 + 1;
    format!(
        r#"{{"id":"{own}","createdAt":"2026-01-02T03:{minute:02}:{second:02}.{millis:03}457Z","accountId":"{account}","name":"catalogue-search-{index:03}","cloudProviderId":"aws","cloudProviderRegionId":"eu-central-1","labels":[{{"key":"team","value":"search"}},{{"key":"example.com/stage","value":"production"}}],"costAllocationLabel":"catalogue","configuration":{{"lastModifiedAt":"2026-02-03T04:{minute:02}:{second:02}Z","numberOfNodes":{nodes},"version":"v1.15.4","packageId":"{package}","additionalResources":{{"disk":40}},"databaseConfiguration":{{"collection":{{"replicationFactor":2,"vectors":{{"onDisk":true}}}},"service":{{"enableTls":true}},"logLevel":"DATABASE_CONFIGURATION_LOG_LEVEL_INFO"}},"serviceType":"CLUSTER_SERVICE_TYPE_CLUSTER_IP","reservedCpuPercentage":20,"reservedMemoryPercentage":15,"restartPolicy":"CLUSTER_CONFIGURATION_RESTART_POLICY_ROLLING"}},"state":{{"version":"v1.15.4","nodesUp":{nodes},"phase":"CLUSTER_PHASE_HEALTHY","endpoint":{{"url":"https://{own}.eu-central-1-0.aws.example.com","restPort":6333,"grpcPort":6334}},"resources":{{"disk":{{"base":32,"additional":40,"available":61.4}},"ram":{{"base":{ram},"reserved":0.5,"available":{free_ram}}},"cpu":{{"base":{cpu},"reserved":0.1,"available":{free_cpu}}}}},"nodes":[{{"name":"{own}-0","startedAt":"2026-01-02T03:{minute:02}:{second:02}Z","version":"v1.15.4","state":"CLUSTER_NODE_STATE_HEALTHY"}}],"capabilities":{{"diskExpansion":{{"status":"CLUSTER_DISK_EXPANSION_SUPPORT_STATUS_SUPPORTED"}}}}}}}}"#
    )
}

/// Three identifiers that look like UUIDs and differ for every index.
fn ids(index: usize) -> [String; 3] {
    [1_u64, 2, 3].map(|part| {
        let mixed = (index as u64 * 3 + part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (high, low) = (mixed >> 32, mixed & 0xffff_ffff);
        format!(
            "{high:08x}-{:04x}-4{:03x}-9{:03x}-{low:08x}{:04x}",
            low >> 16,
            low & 0xfff,
            high & 0xfff,
            low >> 8 & 0xffff
        )
    })
}
