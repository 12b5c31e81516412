//! The network's part of the assembly: what the client goes by, from settings and environment.

use std::time::Duration;

use super::Inputs;
use crate::config::{Environment, Paths, Settings};
use crate::domain::{Fault, FaultClass};
use crate::net::{Client, NetSettings, Proxies, Reach};

/// The one HTTP client, as the settings want it.
pub(in crate::cli) fn net(inputs: &Inputs) -> Result<Client, Fault> {
    let (settings, _told_before) = settings(&inputs.settings, &inputs.environment, &inputs.paths);
    Client::new(&settings).map_err(|error| {
        Fault::new(FaultClass::Offline, "the network settings cannot be used")
            .detail(error.to_string())
            .hint("see `kiln config show`")
    })
}

/// What the network goes by. Where a limit or a proxy cannot be used, only this machine is within
/// reach: going out without it is what somebody wanted to prevent.
pub(super) fn settings(settings: &Settings, environment: &Environment, paths: &Paths) -> (NetSettings, Option<Fault>) {
    let network = &settings.network;
    let reach = match &network.allow {
        _ if network.offline => Ok(Reach::Offline),
        None => Ok(Reach::Anywhere),
        Some(hosts) => Reach::only(&hosts.0),
    };
    let proxies = Proxies::from_variables(|name| environment.get(name).map(str::to_owned));
    let (reach, proxies, fault) = match (reach, proxies) {
        (Ok(reach), Ok(proxies)) => (reach, proxies, None),
        (Err(error), _) | (_, Err(error)) => {
            let fault = Fault::new(
                FaultClass::Invalid,
                "the network settings cannot be used, so only this machine is spoken to",
            )
            .detail(error.to_string())
            .hint("correct or remove what is named here; `kiln config show --origin` tells where settings are");
            (Reach::Only(Vec::new()), None, Some(fault))
        }
    };
    let settings = NetSettings {
        connect: Duration::from_secs(network.connect_timeout_s),
        first_byte: Duration::from_secs(network.first_byte_timeout_s),
        idle: Duration::from_secs(network.idle_timeout_s),
        total: (network.total_timeout_s > 0).then(|| Duration::from_secs(network.total_timeout_s)),
        extra_ca: network.ca_file.clone(),
        reach,
        proxies,
        log: Some(paths.connections()),
        ..NetSettings::default()
    };
    (settings, fault)
}
