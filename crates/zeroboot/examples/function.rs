//! A function of this program, each call in a sandbox of its own, over state that was warmed up once:
//! `cargo run --release -p zeroboot --example function [TEXT]`.

#![allow(clippy::print_stdout, reason = "an example that shows answers")]

use std::collections::HashMap;
use std::error::Error;

use zeroboot::Template;

zeroboot::function! {
    name: "score",
    // Once, in the template: its sandboxes share what this returns until they write to it.
    warm_up: || -> HashMap<String, u32> {
        ["fork", "warm", "copy", "page"].into_iter().zip(1..).map(|(word, worth)| (word.to_owned(), worth)).collect()
    },
    // In a new sandbox for each call. Question and answer travel as JSON.
    answer: |worth: &HashMap<String, u32>, text: String| -> Option<u32> {
        let words: Vec<_> = text.split_whitespace().collect();
        // What goes wrong here stays in there.
        assert!(!words.contains(&"panic"), "as asked for");
        words.into_iter().map(|word| worth.get(word).copied()).sum()
    },
}

fn main() -> Result<(), Box<dyn Error>> {
    // The first line, before anything starts a thread: in the template it does not return.
    zeroboot::init();
    let template = Template::function("score").build()?;
    let given = std::env::args().nth(1);
    for text in given.as_deref().map_or(vec!["fork a warm page", "warm fork", "panic"], |text| vec![text]) {
        match template.call::<_, Option<u32>>(&text) {
            Ok(Some(score)) => println!("{text:?} scores {score}"),
            Ok(None) => println!("{text:?} has an unknown word"),
            Err(error) => println!("{text:?}: {}", error.cause()),
        }
    }
    Ok(())
}
