//! Who is calling, by address.

use crate::EdgeSettings;
use http::{HeaderMap, Request};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The other end of the connection; the server puts it on every request.
#[derive(Debug, Clone, Copy)]
pub struct PeerAddress(pub SocketAddr);

/// The address that limits count by: an IPv4 address, or the /64 network of an IPv6 one, because one
/// household has a whole /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The client's address: the peer's, or where the operator trusts it, the last one in `X-Forwarded-For`
    /// (which the nearest proxy added; those before it are the client's own claims).
    pub(crate) fn of<B>(request: &Request<B>, settings: &EdgeSettings) -> Self {
        let peer = request.extensions().get::<PeerAddress>().map(|peer| peer.0.ip());
        let forwarded = if settings.trust_forwarded { forwarded_for(request.headers()) } else { None };
        Self(network(forwarded.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !(u128::from(u64::MAX)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(trust_forwarded: bool, forwarded: &str) -> String {
        let settings = EdgeSettings { trust_forwarded, ..EdgeSettings::default() };
        let mut request = Request::builder().header("x-forwarded-for", forwarded).body(()).expect("request");
        request.extensions_mut().insert(PeerAddress("192.0.2.7:999".parse().expect("address")));
        ClientAddress::of(&request, &settings).0.to_string()
    }

    #[test]
    fn forwarded_addresses_count_only_where_trusted() {
        assert_eq!(address(false, "203.0.113.9"), "192.0.2.7");
        assert_eq!(address(true, "198.51.100.1, 203.0.113.9"), "203.0.113.9");
        assert_eq!(address(true, "nonsense"), "192.0.2.7");
        assert_eq!(address(true, "2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
