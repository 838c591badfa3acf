//! The data, and its form in a file: keys and values one after another.

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

pub(crate) const VALUE: usize = 1024;
pub(crate) const KEY: usize = 8;

pub(crate) struct Store(HashMap<u64, Box<[u8; VALUE]>>);

impl Store {
    /// As many values as make up this size.
    pub(crate) fn fill(size: usize) -> Self {
        let keys = 0..(size / VALUE).max(1) as u64;
        Self(keys.map(|key| (key, Box::new(value(key)))).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, key: u64) -> Option<&[u8; VALUE]> {
        self.0.get(&key).map(|value| &**value)
    }

    /// In place: this is what makes the kernel copy the page while a snapshot is made.
    pub(crate) fn set(&mut self, key: u64, value: &[u8; VALUE]) {
        self.0.entry(key).or_insert_with(|| Box::new([0; VALUE])).copy_from_slice(value);
    }

    /// How long the file will be.
    pub(crate) fn serialised(&self) -> u64 {
        (self.len() * (KEY + VALUE)) as u64
    }

    pub(crate) fn serialise(&self, out: &mut impl Write) -> io::Result<()> {
        for (key, value) in &self.0 {
            out.write_all(&key.to_ne_bytes())?;
            out.write_all(&value[..])?;
        }
        Ok(())
    }
}

/// A value that can be checked: one number, again and again.
pub(crate) fn value(number: u64) -> [u8; VALUE] {
    let mut value = [0; VALUE];
    value.chunks_exact_mut(8).for_each(|word| word.copy_from_slice(&number.to_ne_bytes()));
    value
}

/// Reads a file back, and gives the number of its values: each is whole.
pub(crate) fn check(path: &Path) -> Result<usize, Box<dyn Error>> {
    let file = File::open(path)?;
    let values = file.metadata()?.len() / (KEY + VALUE) as u64;
    let mut file = BufReader::with_capacity(1 << 20, file);
    let mut pair = [0; KEY + VALUE];
    for _ in 0..values {
        file.read_exact(&mut pair)?;
        let (key, value) = pair.split_at(KEY);
        if value.chunks_exact(8).any(|word| word != &value[..8]) {
            return Err(format!("the value of key {key:?} is a mixture").into());
        }
    }
    Ok(usize::try_from(values)?)
}
