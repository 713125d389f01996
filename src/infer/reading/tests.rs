//! Goal: the reader finds what is there, says so twice alike, and refuses with a word.

use super::*;
use crate::image::frame::Frame;
use crate::image::geometry::Coverage;
use crate::image::sample;
use crate::infer::tract::Tract;
use crate::model::package::tests::lung_nodule;

/// The consensus nodule of LIDC-IDRI-0001, LPS, mm (sample data's own README).
const NODULE: [f64; 3] = [56.208, 86.343, -115.868];

fn chest() -> Option<Volume> {
    let samples = sample::series("ct-chest-lidc0001-ge")?;
    let facts: Vec<_> = samples.iter().map(|sample| sample.facts.clone()).collect();
    let frames: Vec<Frame> = samples.iter().map(sample::Sample::frame).collect();
    Some(Volume::build(&Coverage::of(&facts), &facts, &frames).expect("an even stack"))
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn the_first_mark_on_a_real_chest_is_its_nodule() {
    let Some(volume) = chest() else {
        return;
    };
    let t = std::time::Instant::now();
    let reading = read(&volume, &lung_nodule(), &Tract, &mut |_| ()).expect("a reading");
    println!("{:?}", t.elapsed());
    for mark in &reading.marks {
        println!("{:?} {:?} {:?} d {:.1}", mark.score, mark.centre, mark.at, distance(mark.centre, NODULE));
        match &mark.extent {
            Extent::Measured(m) => println!("   {:?} {:?} {:?}", m.long_axis, m.volume, m.mean),
            other => println!("   {other:?}"),
        }
    }
    println!("{}", std::fs::read_to_string("/proc/self/status").unwrap().lines().filter(|l| l.starts_with("VmHWM")).collect::<String>());
    let first = reading.marks.first().expect("a mark");
    assert!(distance(first.centre, NODULE) < 5.0, "{:?}", first.centre);
}

#[test]
fn zz_prof() {
    let t = std::time::Instant::now();
    let Some(volume) = chest() else { return; };
    println!("load {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let _l = LungMask::of(&volume).unwrap();
    println!("mask {:?}", t.elapsed());
    let t = std::time::Instant::now();
    let p = lung_nodule();
    let mut n = Tract.load(p.graph(), [512, 512]).unwrap();
    println!("netload {:?}", t.elapsed());
    let mut input = Vec::new();
    for z in 60..70 {
        let t = std::time::Instant::now();
        preprocess::fill(&mut input, &volume.hu[z * 512 * 512..(z + 1) * 512 * 512], &p.manifest().input);
        let a = t.elapsed();
        let t = std::time::Instant::now();
        n.run(&input).unwrap();
        println!("pre {a:?} run {:?}", t.elapsed());
    }
}
