//! Tests.
use super::*;

#[test]
fn scratch_phantom() {
    for (seed, noise) in [(11, 18.0), (12, 30.0), (13, 8.0)] {
        let p = Phantom::new(PhantomSettings {
            seed: 5,
            noise,
            nodules: vec![8.0; 14],
            ..PhantomSettings::default()
        });
        let mut txt = String::new();
        for n in p.nodules() {
            txt += &format!(
                "{} {} {} {}\n",
                n.centre[0], n.centre[1], n.centre[2], n.diameter
            );
        }
        std::fs::write(format!("/tmp/imgph{seed}.txt"), txt).unwrap();
        let mut out = Vec::new();
        for k in 0..133 {
            let s = p.slice(k);
            out.extend(s.hu.iter().flat_map(|h| h.to_le_bytes()));
        }
        std::fs::write(format!("/tmp/imgph{seed}.raw"), out).unwrap();
    }
}
