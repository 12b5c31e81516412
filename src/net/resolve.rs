//! Looking names up: names of this machine never, and for what must stay on a private network only
//! such addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::error::PUBLIC;
use super::reach::{is_local_name, is_private};

/// Which addresses a name may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Any,
    /// Addresses of this machine and of private networks; one other address refuses the name.
    Private,
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, name) = (*self, name.as_str().to_owned());
        Box::pin(async move {
            // Asking a name server for these could lead anywhere, and would tell it.
            if is_local_name(&name) {
                let own = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), SocketAddr::from((Ipv6Addr::LOCALHOST, 0))];
                return Ok(Box::new(own.into_iter()) as Addrs);
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if lookup == Lookup::Private && !found.iter().all(|address| is_private(address.ip())) {
                return Err(io::Error::other(PUBLIC).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// One host at the addresses that somebody looked at; other names, such as a proxy's, as ever.
#[derive(Clone, Debug)]
pub(super) struct Pinned {
    pub host: String,
    pub addresses: Vec<IpAddr>,
}

impl Resolve for Pinned {
    fn resolve(&self, name: Name) -> Resolving {
        if !name.as_str().eq_ignore_ascii_case(&self.host) {
            return Lookup::Any.resolve(name);
        }
        let found: Vec<SocketAddr> = self.addresses.iter().map(|address| SocketAddr::from((*address, 0))).collect();
        Box::pin(async move {
            if found.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no address of this name is known").into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
