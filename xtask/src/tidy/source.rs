//! A file, with what is code told from what is not.

/// A text file of the project.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the project's root.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Self {
        Self { path, text }
    }
}

/// A Rust text twice, line by line: what is code, and what is comment. Literals are in neither. What was left out is
/// blank, so that every character stands where it stood.
#[derive(Debug)]
pub(super) struct Split {
    pub(super) code: String,
    pub(super) comments: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

impl Split {
    pub(super) fn new(text: &str) -> Self {
        let mut split = Self { code: String::new(), comments: String::new() };
        let mut rest = text;
        while !rest.is_empty() {
            let (part, length) = next(rest);
            let (taken, after) = rest.split_at(length);
            split.push(part, taken);
            rest = after;
        }
        split
    }

    fn push(&mut self, part: Part, text: &str) {
        let blank = |letter| if letter == '\n' { '\n' } else { ' ' };
        let keep = |wanted, to: &mut String| {
            if part == wanted { to.push_str(text) } else { to.extend(text.chars().map(blank)) }
        };
        keep(Part::Code, &mut self.code);
        keep(Part::Comment, &mut self.comments);
    }

    /// The code without items below `#[cfg(test)]`.
    pub(super) fn code_without_tests(&self) -> String {
        let mut code = self.code.clone();
        while let Some(from) = code.find("#[cfg(test)]") {
            let to = from + item_length(&code[from..]);
            let blank: String = code[from..to].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
            code.replace_range(from..to, &blank);
        }
        code
    }
}

/// Up to the end of the first item: its semicolon or its closing brace.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, letter) in code.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ';' => {}
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// What the text begins with, and how many bytes of it.
fn next(text: &str) -> (Part, usize) {
    if text.starts_with("//") {
        return (Part::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Part::Comment, block_comment(text));
    }
    let word = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len());
    let (prefix, after) = text.split_at(word);
    let hashes = after.len() - after.trim_start_matches('#').len();
    match prefix {
        "" | "b" | "c" if after.starts_with('"') => (Part::Literal, word + quoted(after, '"')),
        "" | "b" if after.starts_with('\'') => match character(after) {
            Some(length) => (Part::Literal, word + length),
            None => (Part::Code, word + 1),
        },
        "r" | "br" | "cr" if after[hashes..].starts_with('"') => {
            let end = format!("\"{}", &after[..hashes]);
            let inner = &after[hashes + 1..];
            let length = inner.find(&end).map_or(inner.len(), |at| at + end.len());
            (Part::Literal, word + hashes + 1 + length)
        }
        "" => (Part::Code, text.chars().next().map_or(1, char::len_utf8)),
        _ => (Part::Code, word),
    }
}

/// The length of a comment that may hold comments.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of a literal that begins and ends with this mark, unless a backslash stands before it.
fn quoted(text: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        if letter == mark && !escaped {
            return at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    text.len()
}

/// The length of a character literal; `None` if it is a lifetime.
fn character(text: &str) -> Option<usize> {
    let mut letters = text.chars().skip(1);
    let (first, second) = (letters.next()?, letters.next()?);
    (first == '\\' || second == '\'').then(|| quoted(text, '\''))
}

#[cfg(test)]
mod tests {
    use super::Split;

    fn code(text: &str) -> String {
        Split::new(text).code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_no_code() {
        assert_eq!(code("a // b\nc /* d /* e */ f */ g"), "a c g");
        assert_eq!(Split::new("a // b\n/* c */ d").comments, "  // b\n/* c */  ");
    }

    #[test]
    fn literals_are_no_code() {
        assert_eq!(code(r#"a("b // \" c", b"d", c"e") + f"#), "a( , , ) + f");
        assert_eq!(code("r\"\\\" a r#\"b \" c\"# d br##\"e\"# f\"## g"), "a d g");
        assert_eq!(code(r"x('\'', 'y', b'z', '\u{1F}')"), "x( , , , )");
    }

    #[test]
    fn lifetimes_and_raw_names_are_code() {
        assert_eq!(
            code("fn f<'a>(r#type: &'a str, _: &'static str)"),
            "fn f<'a>(r#type: &'a str, _: &'static str)"
        );
    }

    #[test]
    fn lines_stay_where_they_are() {
        let text = "\"a\nb\" c /*\n*/\nd";
        assert_eq!(Split::new(text).code, "  \n   c   \n  \nd");
    }

    #[test]
    fn test_items_are_left_out() {
        let text = "fn a() {}\n#[cfg(test)]\nuse b::{c, d};\nfn e() {}\n#[cfg(test)]\nmod f { fn g() { h } }\nfn i() {}";
        let code = Split::new(text).code_without_tests();
        assert_eq!(code.split_whitespace().collect::<String>(), "fna(){};fne(){}fni(){}");
        assert_eq!(code.lines().count(), 7);
    }
}
