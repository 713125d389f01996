//! Tests.
use super::*;

#[test]
#[expect(clippy::print_stderr)]
fn scratch_phantom() {
    for seed in [1, 2, 3] {
        let p = Phantom::new(PhantomSettings { seed, ..PhantomSettings::default() });
        eprintln!("{} tubes", p.details.len());
        let mut txt = String::new();
        for n in p.nodules() { txt += &format!("{} {} {} {}\n", n.centre[0], n.centre[1], n.centre[2], n.diameter); }
        std::fs::write(format!("/tmp/imgph{seed}.txt"), txt).unwrap();
        let t = std::time::Instant::now();
        let mut out = Vec::new();
        for k in 0..133 { let s = p.slice(k); out.extend(s.hu.iter().flat_map(|h| h.to_le_bytes())); }
        eprintln!("{:?} a slice", t.elapsed() / 133);
        std::fs::write(format!("/tmp/imgph{seed}.raw"), out).unwrap();
    }
}
