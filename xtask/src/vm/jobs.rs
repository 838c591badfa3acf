//! What is run in a machine, one after the other, and as whom; and how the machine is told.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;

/// Whom a program runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Root,
    Ordinary,
}

impl User {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Ordinary => "ordinary",
        }
    }

    /// Those that are asked for; all if nobody is named.
    pub(super) fn asked(name: Option<&str>) -> anyhow::Result<Vec<Self>> {
        match name {
            None => Ok(vec![Self::Root, Self::Ordinary]),
            Some("root") => Ok(vec![Self::Root]),
            Some("ordinary") => Ok(vec![Self::Ordinary]),
            Some(other) => bail!("there is no user {other:?}\nremedy: --user root, or --user ordinary"),
        }
    }
}

/// One program, with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    /// What it is called in what is printed.
    pub(super) name: String,
    /// Where it is started.
    pub(super) directory: PathBuf,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// After that it is killed, which is a failure.
    pub(super) limit: Duration,
}

impl Job {
    /// A line of the machine's list: what stands between tabs, of which none may be empty.
    ///
    /// # Errors
    /// When a field cannot stand in such a line.
    pub(super) fn line(&self, user: User) -> anyhow::Result<String> {
        let (limit, directory, program) =
            (self.limit.as_secs().to_string(), self.directory.display().to_string(), self.program.display());
        let program = program.to_string();
        let fields = [user.name(), &limit, &self.name, &directory, &program];
        let fields: Vec<_> = fields.into_iter().chain(self.arguments.iter().map(String::as_str)).collect();
        if let Some(field) = fields.iter().find(|field| field.is_empty() || field.contains(['\t', '\n'])) {
            bail!("the machine cannot be told {field:?}\nremedy: use plain names");
        }
        Ok(fields.join("\t") + "\n")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use std::time::Duration;

    use super::{Job, User};

    #[test]
    fn both_users_unless_one_is_asked_for() {
        assert_eq!(User::asked(None).unwrap(), [User::Root, User::Ordinary]);
        assert_eq!(User::asked(Some("ordinary")).unwrap(), [User::Ordinary]);
        assert!(User::asked(Some("nobody")).unwrap_err().to_string().contains("remedy"));
    }

    #[test]
    fn a_job_is_a_line() {
        let mut job = Job {
            name: "apply".to_owned(),
            directory: "/p/a".into(),
            program: "/p/t/a-1".into(),
            arguments: vec!["--skip".to_owned(), "b c".to_owned()],
            limit: Duration::from_secs(60),
        };
        assert_eq!(job.line(User::Root).unwrap(), "root\t60\tapply\t/p/a\t/p/t/a-1\t--skip\tb c\n");
        job.arguments.push(String::new());
        assert!(job.line(User::Root).is_err());
        job.arguments = vec!["a\tb".to_owned()];
        assert!(job.line(User::Root).is_err());
    }
}
