//! What a script may leave in its working directory, and what others may have left in the directory of the host.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use libtest_mimic::Failed;
use zeroboot::{Bytes, CollectLimits, Request, Template, WhyLeftOut};

use super::{Directory, collected, ensure_same, everything, in_lines, succeeded};

pub(super) fn links() -> Result<(), Failed> {
    let (out, outside) = (Directory::new("links-out")?, Directory::new("links-outside")?);
    outside.write("file", "theirs")?;
    // On this side: in the place of a file, of a directory, and of a directory on the way.
    fs::create_dir(out.at("real"))?;
    symlink(outside.at("file"), out.at("result"))?;
    symlink(&outside.0, out.at("directory"))?;
    symlink(&outside.0, out.at("real/way"))?;
    // A second name of a file that is not to change.
    fs::hard_link(outside.at("file"), out.at("second"))?;
    let template = Template::python().build()?;
    let code = "
import os
os.symlink('/etc/passwd', 'passwd'); os.symlink('/etc', 'etc'); os.symlink('../../..', 'up'); os.symlink('result', 'own')
os.makedirs('directory'); os.makedirs('real/way/deep')
for path in ('result', 'second', 'directory/file', 'real/way/file', 'real/way/deep/file', 'real/file'):
    open(path, 'w').write('mine')
";
    let files = collected(&template, code, &out.0)?;
    let wanted = "\
\"real/file\" 4
\"result\" 4
\"second\" 4
\"directory/file\": a symbolic link is in the way
\"etc\": it is a symbolic link
\"own\": it is a symbolic link
\"passwd\": it is a symbolic link
\"real/way/deep/file\": a symbolic link is in the way
\"real/way/file\": a symbolic link is in the way
\"up\": it is a symbolic link
";
    ensure_same(&in_lines(&files), wanted)?;
    if !fs::symlink_metadata(out.at("result"))?.is_file() {
        return Err("the link in the place of a file is still there".into());
    }
    let theirs: Vec<_> = everything(&outside.0)?.into_keys().collect();
    ensure_same(&fs::read_to_string(outside.at("file"))?, "theirs")?;
    if theirs == [outside.at("file")] { Ok(()) } else { Err(format!("{theirs:?}").into()) }
}

pub(super) fn kinds() -> Result<(), Failed> {
    let out = Directory::new("kinds-out")?;
    fs::create_dir(out.at("taken"))?;
    let template = Template::python().build()?;
    let code = "
import os
os.mkfifo('pipe'); os.mkdir('empty')
open('file', 'w').write('text'); os.link('file', 'second'); open('taken', 'w').write('x')
";
    let files = collected(&template, code, &out.0)?;
    let lines = in_lines(&files);
    let wanted = "\"file\" 4\n\"second\" 4\n\"pipe\": it is a pipe, a socket or a device\n\"taken\": ";
    if !lines.starts_with(wanted) || lines.lines().count() != 4 {
        return Err(lines.into());
    }
    // Nothing is left of what did not get its name.
    let names: Vec<_> = everything(&out.0)?.into_keys().collect();
    let wanted = ["file", "second", "taken"].map(|name| out.at(name));
    if names == wanted { Ok(()) } else { Err(format!("{names:?}").into()) }
}

pub(super) fn names() -> Result<(), Failed> {
    let out = Directory::new("names-out")?;
    let template = Template::python().build()?;
    let code = r"
import os
names = [b'...', b'..x', b'-rf', b'a\nb', b' ', b'\xff\xfe', b'\x1b[2J', b'con\\..\\up', b'.zeroboot-1-0', b'n' * 255]
for name in names:
    os.makedirs(b'in/' + name)
    for path in (name, b'in/' + name + b'/' + name): open(path, 'wb').write(name)
";
    let files = collected(&template, code, &out.0)?;
    if files.files.len() != 20 || !files.is_complete() {
        return Err(in_lines(&files).into());
    }
    for file in &files.files {
        let found = fs::read(out.0.join(&file.path))?;
        if Some(&found[..]) != file.path.file_name().map(std::ffi::OsStr::as_encoded_bytes) {
            return Err(format!("{file:?}: {found:?}").into());
        }
    }
    // The files, the directories with their names, and the one around those.
    let found = everything(&out.0)?.len();
    if found == 31 { Ok(()) } else { Err(format!("{found} entries").into()) }
}

pub(super) fn permissions() -> Result<(), Failed> {
    let out = Directory::new("permissions-out")?;
    let template = Template::python().build()?;
    let code = "
import os
os.makedirs('a/b')
for path in ('none', 'a/b/none'): open(path, 'w').write('text')
for path in ('none', 'a/b/none', 'a/b', 'a', '.'): os.chmod(path, 0)
";
    let files = collected(&template, code, &out.0)?;
    ensure_same(&in_lines(&files), "\"a/b/none\" 4\n\"none\" 4\n")?;
    let mode = fs::metadata(out.at("none"))?.permissions().mode() & 0o7777;
    ensure_same(&format!("{mode:o}"), "0")
}

pub(super) fn bounds() -> Result<(), Failed> {
    let out = Directory::new("bounds-out")?;
    let template = Template::python().build()?;
    let code = "
import os
os.truncate(os.open('a sparse file', os.O_CREAT | os.O_WRONLY), 10 << 30)
os.mkdir('many')
for number in range(20_000): open(f'many/{number}', 'w').close()
os.mkdir('zdeep')
for number in range(100):
    os.chdir('zdeep' if number == 0 else 'd')
    open('file', 'w').close(); os.mkdir('d')
";
    let request = Request::code(code)
        .timeout(std::time::Duration::from_secs(60))
        .collect_into(&out.0, CollectLimits { files: 10_000, ..CollectLimits::default() });
    let outcome = template.execute(request)?;
    succeeded(&outcome)?;
    let files = outcome.collected.ok_or("nothing was collected")?;
    let all = files.left_out.len() as u64 + files.more_left_out;
    // The sparse file, all but the first 10,000 of the many, the files of 64 deep directories, and what lies deeper.
    let (found, wanted) =
        ((files.files.len(), all, files.left_out.len()), (10_000, 1 + 10_000 + 64 + 1, 1000));
    let reasons: Vec<_> = files.left_out.iter().map(|left| left.why).collect();
    let are_right = matches!(&reasons[..], [WhyLeftOut::TooManyBytes, others @ ..]
        if others.iter().all(|why| *why == WhyLeftOut::TooManyFiles));
    if found != wanted || !are_right {
        return Err(format!("{found:?} instead of {wanted:?}; {:?}", files.left_out.first()).into());
    }
    // Bytes are counted over all files, and what is too large does not keep out what follows.
    let out = Directory::new("bytes-out")?;
    let code = "
import os
for name, size in (('a', 600), ('b', 600), ('c', 400), ('d', 1)): open(name, 'wb').write(bytes(size))
os.makedirs('/'.join('deep' for _ in range(65))); open('/'.join('deep' for _ in range(64)) + '/file', 'w').close()
";
    let limits = CollectLimits { bytes: Bytes(1000), ..CollectLimits::default() };
    let outcome = template.execute(Request::code(code).collect_into(&out.0, limits))?;
    succeeded(&outcome)?;
    let deep = ["deep"; 64].join("/");
    let wanted = format!(
        "\"a\" 600\n\"c\" 400\n\"{deep}/file\" 0\n\"b\": there are too many bytes\n\"d\": there are too many bytes\n\
         \"{deep}/deep\": it lies too deep\n"
    );
    ensure_same(&outcome.collected.as_ref().map(in_lines).unwrap_or_default(), &wanted)?;
    // No time at all: nothing, and that is said.
    let out = Directory::new("time-out")?;
    let limits = CollectLimits { time: std::time::Duration::ZERO, ..CollectLimits::default() };
    let outcome = template.execute(Request::code("open('file', 'w')").collect_into(&out.0, limits))?;
    let lines = outcome.collected.as_ref().map(in_lines).unwrap_or_default();
    ensure_same(&lines, "\"file\": copying took too long\n")?;
    if everything(&out.0)?.is_empty() { Ok(()) } else { Err("something was copied".into()) }
}
