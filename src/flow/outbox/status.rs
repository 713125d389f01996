//! What the status of a C-STORE-RSP means for the object.

/// What a status means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The peer has it; other than 0000 it changed or complained, which is shown.
    Accepted,
    /// A7xx: not now. Archives also say it about objects that no wait will mend.
    OutOfResources,
    /// Never, until a person changes something.
    Permanent,
    /// A status that C-STORE does not have: treated as [`Class::OutOfResources`], so that it is
    /// tried again and yet cannot block the others.
    Unclear,
}

/// Says what the status (0000,0900) of a C-STORE-RSP means.
///
/// Source: PS3.4 Table B.2-1 for 0000, Axxx, B0xx and Cxxx; PS3.7 9.1.1.1.9 and Annex C for
/// 0117, 0122, 0124, 0211 and 0212.
pub fn classify(status: u16) -> Class {
    match status {
        0x0000 | 0xb000..=0xb0ff => Class::Accepted,
        0xa700..=0xa7ff => Class::OutOfResources,
        // Data set and SOP class disagree, cannot understand, invalid instance, class not
        // supported, not authorized, unrecognized operation, mistyped argument: all of them about
        // what we send, and we would send the same again.
        0xa900..=0xa9ff | 0xc000..=0xcfff | 0x0117 | 0x0122 | 0x0124 | 0x0211 | 0x0212 => {
            Class::Permanent
        }
        _ => Class::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_of_the_standard_has_its_meaning() {
        let rows = [
            (0x0000, Class::Accepted),
            (0xb000, Class::Accepted),
            (0xb006, Class::Accepted),
            (0xb007, Class::Accepted),
            (0xa700, Class::OutOfResources),
            (0xa7ff, Class::OutOfResources),
            (0xa900, Class::Permanent),
            (0xa9ff, Class::Permanent),
            (0xc000, Class::Permanent),
            (0xcfff, Class::Permanent),
            (0x0117, Class::Permanent),
            (0x0122, Class::Permanent),
            (0x0124, Class::Permanent),
            (0x0211, Class::Permanent),
            (0x0212, Class::Permanent),
            (0x0110, Class::Unclear),
            (0x0111, Class::Unclear),
            (0x0210, Class::Unclear),
            (0xa800, Class::Unclear),
            (0xfe00, Class::Unclear),
            (0xff00, Class::Unclear),
        ];
        for (status, class) in rows {
            assert_eq!(classify(status), class, "{status:04x}");
        }
    }

    #[test]
    fn nothing_but_0000_and_b0xx_counts_as_kept_by_the_peer() {
        for status in 0..=u16::MAX {
            let kept = status == 0 || (0xb000..=0xb0ff).contains(&status);
            assert_eq!(classify(status) == Class::Accepted, kept, "{status:04x}");
        }
    }
}
