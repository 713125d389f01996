//! To come.
use super::*;
#[test]
fn speed() {
    let t = std::time::SystemTime::now();
    for _ in 0..200 {
        let _ = Ledger::in_memory().unwrap();
    }
    eprintln!("open {:?}", t.elapsed().unwrap() / 200);
    let mut l: Vec<_> = (0..50).map(|_| ledger()).collect();
    let t = std::time::SystemTime::now();
    for l in &mut l {
        for i in 0..20 {
            apply(l, &[an_object(i, "1.1", &format!("1.1.{i}"))]);
        }
    }
    eprintln!("apply20 {:?}", t.elapsed().unwrap() / 50);
    let t = std::time::SystemTime::now();
    for l in &mut l {
        for i in 20..40 {
            apply(l, &[an_object(i, "1.1", &format!("1.1.{i}"))]);
        }
    }
    eprintln!("apply20 second {:?}", t.elapsed().unwrap() / 50);
    let t = std::time::SystemTime::now();
    for l in &mut l {
        for _ in 0..20 {
            let _ = owed(l, "PACS");
        }
    }
    eprintln!("20 owed of 40 {:?}", t.elapsed().unwrap() / 50);
    let t = std::time::SystemTime::now();
    for l in &l {
        dump(l);
    }
    eprintln!("dump {:?}", t.elapsed().unwrap() / 50);
}
