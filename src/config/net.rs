//! An IP address or a prefix of addresses.

use std::fmt;
use std::net::IpAddr;

/// The addresses whose first `prefix` bits are those of `address`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Net {
    address: IpAddr,
    prefix: u8,
}

impl Net {
    /// Parses `10.0.0.5`, `10.0.0.0/24`, `fe80::/10`; bits behind the prefix must be 0.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => {
                let digits = prefix.bytes().all(|byte| byte.is_ascii_digit());
                (address, Some(prefix.parse().ok().filter(|_| digits)?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(width);
        let net = Self { address, prefix };
        let clean = prefix <= width && bits(address) == bits(address) & net.mask();
        clean.then_some(net)
    }

    /// Returns whether `address` lies inside. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && bits(address) & self.mask() == bits(self.address)
    }

    /// Returns how many leading bits are fixed: the more, the narrower.
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The fixed bits, at the top of 128.
    fn mask(&self) -> u128 {
        u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(self.prefix))).unwrap_or(0)
    }
}

/// The bits of an address, at the top of 128.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(net: &str, address: &str) -> bool {
        Net::parse(net).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_prefix_holds_its_own_addresses_and_no_others() {
        assert!(holds("10.0.0.0/24", "10.0.0.255") && !holds("10.0.0.0/24", "10.0.1.0"));
        assert!(holds("10.0.0.5", "10.0.0.5") && !holds("10.0.0.5", "10.0.0.4"));
        assert!(holds("0.0.0.0/0", "255.255.255.255") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("fe80::/10", "fe80::1") && !holds("fe80::/10", "10.0.0.1"));
        assert!(holds("10.0.0.0/24", "::ffff:10.0.0.7"));
    }

    #[test]
    fn a_prefix_that_means_something_else_than_it_says_is_refused() {
        for bad in ["10.0.0.5/24", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/+8", "ct1", ""] {
            assert_eq!(Net::parse(bad), None, "{bad}");
        }
    }
}
