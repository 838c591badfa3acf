//! Heap without gaps, and heap that is set apart for huge pages.

use std::hint::black_box;

use libtest_mimic::Trial;
use nix::sys::resource::{UsageWho, getrusage};
use zeroboot_fork::freeze::freeze;
use zeroboot_fork::{ForkPlan, HugeHeapError, Way, fill_heap_gaps, reserve_huge_heap};

use crate::common::{Skip, Verdict, both_ways, code_of, plan, trial};

const MIB: usize = 1 << 20;
const AREA: usize = 64 * MIB;
const LARGE: usize = 32 * MIB;

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("heap: what exceeds the area is there as well", beyond),
        trial("heap: it may follow a freeze, and all of before is there", after_a_freeze),
        trial("heap: too large an area is refused", refused),
    ];
    trials.extend(both_ways("heap: a child takes few faults for much", few_faults));
    trials.extend(both_ways("heap: a child allocates above all that its parent has freed", gaps));
    trials
}

/// The faults of a child that allocates and writes a large piece.
fn faults_of_allocating(way: Way) -> usize {
    let faults = || getrusage(UsageWho::RUSAGE_SELF).expect("usage").minor_page_faults();
    usize::from(code_of(&plan(way), || {
        faults();
        let before = faults();
        let piece = black_box(vec![7_u8; LARGE]);
        let after = faults() - before;
        if piece.iter().all(|byte| *byte == 7) { u8::try_from(after).unwrap_or(u8::MAX) } else { u8::MAX }
    }))
}

/// How many of the blocks that a child allocates, of all sizes, begin below `limit`.
fn blocks_below(limit: usize, plan: &ForkPlan) -> u8 {
    code_of(plan, || {
        let blocks: Vec<Vec<u8>> = (0..200).map(|n| black_box(vec![1; 24 + n * 29 % 3000])).collect();
        let below = blocks.iter().filter(|block| block.as_ptr().addr() < limit).count();
        u8::try_from(below).unwrap_or(u8::MAX)
    })
}

fn gaps(way: Way) -> Verdict {
    let mut blocks: Vec<Vec<u8>> =
        (0..4000_usize).map(|n| vec![n.to_le_bytes()[0]; 24 + n * 37 % 5000]).collect();
    let limit = blocks.iter().map(|block| block.as_ptr().addr()).max().expect("there are some");
    let mut index = 0;
    blocks.retain(|_| {
        index += 1;
        index % 3 != 0
    });
    let plan = plan(way);
    assert!(blocks_below(limit, &plan) > 100, "the control: gaps are used first");
    let filled = fill_heap_gaps();
    assert!(filled > 2 * MIB, "{filled}");
    assert_eq!(blocks_below(limit, &plan), 0);
    assert!(fill_heap_gaps() < filled / 20, "there is nothing left to fill");
    assert!(blocks.iter().all(|block| block.iter().all(|byte| *byte == block[0])));
    Ok(())
}

fn few_faults(way: Way) -> Verdict {
    assert_eq!(faults_of_allocating(way), usize::from(u8::MAX), "the control");
    let kept: Vec<String> = (0..1000).map(|n| format!("number {n}")).collect();
    reserve_huge_heap(AREA).expect("room");
    // What the parent needs for itself is no part of the huge pages.
    let small: Vec<Vec<u8>> = (1..100).map(|n| vec![1; n * 10]).collect();
    let setting = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    if setting.is_empty() || setting.contains("[never]") {
        return Err(Skip("no transparent huge pages".to_owned()));
    }
    let faults = faults_of_allocating(way);
    assert!(faults < 40, "{faults}");
    // Twice: a sibling has had nothing of it.
    assert!(faults_of_allocating(way) < 40);
    assert!(small.iter().flatten().all(|byte| *byte == 1));
    assert!(kept.iter().enumerate().all(|(n, text)| *text == format!("number {n}")));
    Ok(())
}

fn beyond() -> Verdict {
    reserve_huge_heap(AREA).expect("room");
    let code = code_of(&plan(Way::Clone3), || {
        let mut pieces: Vec<Vec<u8>> = (1..=8).map(|n| vec![n; 20 * MIB]).collect();
        pieces.swap_remove(0);
        pieces.push(vec![9; 100 * MIB]);
        let is_right = |piece: &Vec<u8>| piece.iter().all(|byte| *byte == piece[0]);
        u8::from(!pieces.iter().all(is_right)) + u8::from(pieces.len() != 8)
    });
    assert_eq!(code, 0);
    Ok(())
}

fn after_a_freeze() -> Verdict {
    let texts: Vec<String> = (0..200_000).map(|n| format!("number {n}")).collect();
    freeze().expect("frozen");
    reserve_huge_heap(AREA).expect("room");
    let is_right =
        |texts: &[String]| texts.iter().enumerate().all(|(n, text)| *text == format!("number {n}"));
    let code = code_of(&plan(Way::Clone3), || {
        let more = texts.clone();
        u8::from(!(is_right(&texts) && is_right(&more)))
    });
    assert_eq!(code, 0);
    assert!(is_right(&texts));
    drop(texts);
    assert_eq!((0..1000).map(|n| vec![n; 1000]).map(|v| v[999]).sum::<i32>(), 499_500);
    Ok(())
}

fn refused() -> Verdict {
    let kept = "kept".repeat(1000);
    let refused = reserve_huge_heap(1 << 46);
    assert!(matches!(refused, Err(HugeHeapError::Reserve(_))), "{refused:?}");
    assert_eq!(vec![kept.clone(); 1000].concat(), kept.repeat(1000));
    Ok(())
}
