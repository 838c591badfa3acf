//! What a sandbox is to do: counted byte strings, so that any language can read it with a dozen lines.
//!
//! ```text
//! job      = strings(arguments) strings(environment, "K=V") string(name) string(body)
//! strings  = count:u32 string*
//! string   = length:u32 byte*
//! packet   = more:u8 piece-of-job        more: 1 when another packet follows, 0 in the last one
//! ```

use super::CHANNEL_FRAME;

/// One run: what the template's author's code gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Job {
    /// Arguments, without the program's own name.
    pub arguments: Vec<Vec<u8>>,
    /// Variables beyond the standard ones, as `KEY=VALUE`.
    pub environment: Vec<Vec<u8>>,
    /// A name for messages: a script's file name, or a function's.
    pub name: Vec<u8>,
    /// The code, or the request of a function.
    pub body: Vec<u8>,
}

/// A job that cannot be read or sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// A part is longer than 4 GiB.
    #[error("a part of the job is longer than 4 GiB")]
    TooLong,
    /// The bytes end early, or go on after the end.
    #[error("the job is not well formed")]
    Malformed,
}

impl Job {
    /// The packets to send.
    ///
    /// # Errors
    /// [`JobError::TooLong`].
    pub fn packets(&self) -> Result<Vec<Vec<u8>>, JobError> {
        let mut bytes = Vec::with_capacity(self.body.len() + 256);
        for list in [&self.arguments, &self.environment] {
            put_length(&mut bytes, list.len())?;
            for string in list {
                put_string(&mut bytes, string)?;
            }
        }
        put_string(&mut bytes, &self.name)?;
        put_string(&mut bytes, &self.body)?;
        let pieces = bytes.chunks(CHANNEL_FRAME - 1);
        let last = pieces.len().saturating_sub(1);
        let packet = |(index, piece): (usize, &[u8])| {
            let mut packet = vec![u8::from(index < last)];
            packet.extend_from_slice(piece);
            packet
        };
        Ok(pieces.enumerate().map(packet).collect())
    }
}

fn put_length(bytes: &mut Vec<u8>, length: usize) -> Result<(), JobError> {
    let length = u32::try_from(length).map_err(|_| JobError::TooLong)?;
    bytes.extend_from_slice(&length.to_ne_bytes());
    Ok(())
}

fn put_string(bytes: &mut Vec<u8>, string: &[u8]) -> Result<(), JobError> {
    put_length(bytes, string.len())?;
    bytes.extend_from_slice(string);
    Ok(())
}

/// Puts a job together again, packet by packet.
#[derive(Debug, Default)]
pub struct JobReader {
    bytes: Vec<u8>,
}

impl JobReader {
    /// Takes one packet; the job, once the last one is there.
    ///
    /// # Errors
    /// [`JobError::Malformed`].
    pub fn take(&mut self, packet: &[u8]) -> Result<Option<Job>, JobError> {
        let (more, piece) = packet.split_first().ok_or(JobError::Malformed)?;
        self.bytes.extend_from_slice(piece);
        if *more != 0 {
            return Ok(None);
        }
        let mut rest = self.bytes.as_slice();
        let arguments = strings(&mut rest)?;
        let environment = strings(&mut rest)?;
        let name = string(&mut rest)?;
        let body = string(&mut rest)?;
        if rest.is_empty() {
            Ok(Some(Job { arguments, environment, name, body }))
        } else {
            Err(JobError::Malformed)
        }
    }
}

fn length(rest: &mut &[u8]) -> Result<usize, JobError> {
    let (head, tail) = rest.split_first_chunk().ok_or(JobError::Malformed)?;
    *rest = tail;
    usize::try_from(u32::from_ne_bytes(*head)).map_err(|_| JobError::Malformed)
}

fn string(rest: &mut &[u8]) -> Result<Vec<u8>, JobError> {
    let length = length(rest)?;
    let (head, tail) = rest.split_at_checked(length).ok_or(JobError::Malformed)?;
    *rest = tail;
    Ok(head.to_vec())
}

fn strings(rest: &mut &[u8]) -> Result<Vec<Vec<u8>>, JobError> {
    let count = length(rest)?;
    (0..count).map(|_| string(rest)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_of_several_packets_comes_back_whole() {
        let job = Job {
            arguments: vec![b"a".to_vec(), Vec::new()],
            environment: vec![b"K=V".to_vec()],
            name: b"script.py".to_vec(),
            body: (0..200_000_u32).flat_map(u32::to_le_bytes).collect(),
        };
        let packets = job.packets().expect("encodes");
        assert!(packets.len() > 2);
        let mut reader = JobReader::default();
        let mut whole = None;
        for packet in &packets {
            assert!(whole.is_none());
            whole = reader.take(packet).expect("decodes");
        }
        assert_eq!(whole, Some(job));
    }

    #[test]
    fn a_job_that_ends_early_is_refused() {
        let packets = Job { body: b"x".to_vec(), ..Job::default() }.packets().expect("encodes");
        let cut = &packets[0][..packets[0].len() - 1];
        assert_eq!(JobReader::default().take(cut), Err(JobError::Malformed));
    }
}
