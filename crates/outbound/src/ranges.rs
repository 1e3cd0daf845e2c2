//! Which numbers and names are not for the public: the registries of special addresses, as ranges.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Address and length of each range of IPv4 that is not for the public.
const SPECIAL_V4: &[([u8; 4], u32)] = &[
    // This host, and whatever listens on all addresses.
    ([0, 0, 0, 0], 8),
    // Private.
    ([10, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    // Shared by a carrier's customers; some clouds keep their metadata here.
    ([100, 64, 0, 0], 10),
    // Loopback.
    ([127, 0, 0, 0], 8),
    // Link-local, with the metadata of most clouds.
    ([169, 254, 0, 0], 16),
    // A public number that answers only from within one cloud.
    ([168, 63, 129, 16], 32),
    // Protocols, documentation, an old relay into 6to4, benchmarks.
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// The one block of IPv6 from which public addresses are given out.
const PUBLIC_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Within that block, what is not for the public.
const SPECIAL_V6: &[(Ipv6Addr, u32)] = &[
    // Protocols, with Teredo and benchmarks.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation.
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    // 6to4: tunnels to any IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
];

/// Translated to the IPv4 address in its last 32 bits, on networks that speak IPv6 only.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// Top-level names that are never public, and what clouds and containers call their own.
const SPECIAL_SUFFIXES: &[&str] = &[
    "corp",
    "home",
    "home.arpa",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
    "private",
    "svc",
];

/// The address that a connection to this one ends at: a mapped or translated one carries another inside.
pub(crate) fn meant(address: IpAddr) -> IpAddr {
    let canonical = address.to_canonical();
    match canonical {
        IpAddr::V6(v6) if within_v6(v6, NAT64) => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        IpAddr::V4(_) | IpAddr::V6(_) => canonical,
    }
}

/// Whether an address, as [`meant`] gives it, is one of the public internet.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !SPECIAL_V4.iter().any(|range| within_v4(v4, *range)),
        IpAddr::V6(v6) => within_v6(v6, PUBLIC_V6) && !SPECIAL_V6.iter().any(|range| within_v6(v6, *range)),
    }
}

/// Whether a name can be one of the public internet: one label alone is completed by the resolver, within our network.
pub(crate) fn is_public_name(name: &str) -> bool {
    let is_below = |suffix: &str| name.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.'));
    name.contains('.') && !SPECIAL_SUFFIXES.iter().any(|suffix| is_below(suffix))
}

fn within_v4(address: Ipv4Addr, (network, length): ([u8; 4], u32)) -> bool {
    let differing = address.to_bits() ^ u32::from_be_bytes(network);
    differing.leading_zeros() >= length
}

fn within_v6(address: Ipv6Addr, (network, length): (Ipv6Addr, u32)) -> bool {
    let differing = address.to_bits() ^ network.to_bits();
    differing.leading_zeros() >= length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_reached(text: &str) -> bool {
        is_public(meant(text.parse().unwrap()))
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450:4001::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
        ] {
            assert!(is_reached(address), "{address}");
        }
    }

    #[test]
    fn special_addresses_are_not() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::8.8.8.8",
            "::ffff:7f00:1",
            "::ffff:0:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "4000::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_reached(address), "{address}");
        }
    }

    #[test]
    fn names_of_our_own_networks_are_not_public() {
        for name in [
            "localhost",
            "db",
            "metadata",
            "admin.localhost",
            "metadata.google.internal",
            "metadata.azure.internal",
            "instance-data.ec2.internal",
            "printer.local",
            "nas.home.arpa",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
        ] {
            assert!(!is_public_name(name), "{name}");
        }
        for name in ["docs.example", "internal.example", "mylocal.example", "notlocalhost.com"] {
            assert!(is_public_name(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_judged_by_what_it_carries(bits: u32) {
            let [a, b] = [(bits >> 16) as u16, bits as u16];
            let v4 = is_public(IpAddr::V4(Ipv4Addr::from_bits(bits)));
            let carried = |carrier: [u16; 8]| is_public(meant(IpAddr::V6(carrier.into())));
            prop_assert_eq!(carried([0, 0, 0, 0, 0, 0xffff, a, b]), v4);
            prop_assert_eq!(carried([0x64, 0xff9b, 0, 0, 0, 0, a, b]), v4);
            for tunnel in [
                [0, 0, 0, 0, 0, 0, a, b],
                [0, 0, 0, 0, 0xffff, 0, a, b],
                [0x64, 0xff9b, 1, 0, 0, 0, a, b],
                [0x2002, a, b, 0, 0, 0, 0, 1],
                [0x2001, 0, a, b, 0, 0, !a, !b],
            ] {
                prop_assert!(!carried(tunnel));
            }
        }
    }
}
