//! How we name ourselves to peers and in the files that we write (PS3.7 D.3.3.2, PS3.10 7.1).

/// Our Implementation Class UID: the same for every release and box, made once from random bits
/// (PS3.5 B.2). Associations and file metas carry it, so that a field log and a file tell the
/// same maker.
pub const IMPLEMENTATION_CLASS: &str = "2.25.200828607876948766998850425516183541166";
/// Our Implementation Version Name, at most 16 characters (VR SH).
pub const IMPLEMENTATION_VERSION: &str = "SCANPOST";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::uid::Uid;

    #[test]
    fn the_class_is_a_uid_of_the_standard_and_the_version_fits() {
        assert!(Uid::parse(IMPLEMENTATION_CLASS.as_bytes()).unwrap().is_conformant());
        assert!((1..=16).contains(&IMPLEMENTATION_VERSION.len()));
    }
}
