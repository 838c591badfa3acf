//! The modules of a script, and whether they still live.

use std::ffi::CStr;
use std::ptr::null_mut;

use super::super::api::{Api, Reference};

/// The name of the function that follows a namespace.
pub(super) const TRACER: &CStr = c"__end__";

/// A weak reference to a module, or to a function of it.
pub(super) struct Tracer(Reference);

impl Tracer {
    /// # Safety
    /// An object that lives; the interpreter's lock is held.
    pub(super) unsafe fn of(api: &Api, object: Reference) -> Option<Self> {
        // SAFETY: the caller's promise. Where there can be no such reference it is null, with an exception.
        unsafe {
            let reference = (api.weak)(object, null_mut());
            if reference.is_null() {
                (api.clear)();
            }
            (!reference.is_null()).then_some(Self(reference))
        }
    }

    /// The namespace, which is then the caller's to drop, where it still lives.
    ///
    /// # Safety
    /// The interpreter's lock is held.
    pub(super) unsafe fn end(self, api: &Api) -> Option<Reference> {
        // SAFETY: the caller's promise. A weak reference returns its object, or None, when it is called; both are dropped once.
        unsafe {
            let object = (api.call)(self.0, null_mut());
            (api.drop)(self.0);
            if object.is_null() {
                (api.clear)();
                return None;
            }
            let namespace = if object == api.none {
                null_mut()
            } else if api.is_instance(object, api.module_kind) {
                let namespace = (api.namespace)(object);
                (api.take)(namespace);
                namespace
            } else {
                (api.attribute)(object, c"__globals__".as_ptr())
            };
            (api.drop)(object);
            (!namespace.is_null()).then_some(namespace)
        }
    }
}

/// Takes the values of a module's names away: first those that may have an end of their own, which then find modules, classes and
/// functions in their places.
///
/// # Safety
/// A live dictionary; the interpreter's lock is held.
pub(super) unsafe fn clear_namespace(api: &Api, namespace: Reference) {
    for definitions in [false, true] {
        let mut names = Vec::new();
        // SAFETY: the caller's promise; each name is kept while it is used.
        unsafe {
            each_item(api, namespace, |name, value| {
                let kinds = [api.module_kind, api.type_kind, api.function_kind];
                let is_definition = kinds.iter().any(|kind| api.is_instance(value, *kind));
                if value != api.none && text(api, name) != b"__builtins__" && is_definition == definitions {
                    (api.take)(name);
                    names.push(name);
                }
            });
            for name in names {
                if (api.put)(namespace, name, api.none) != 0 {
                    (api.clear)();
                }
                (api.drop)(name);
            }
        }
    }
}

/// # Safety
/// A live dictionary, which the body does not change; the interpreter's lock is held.
pub(super) unsafe fn each_item(api: &Api, dictionary: Reference, mut body: impl FnMut(Reference, Reference)) {
    let (mut position, mut name, mut value) = (0, null_mut(), null_mut());
    // SAFETY: the caller's promise; all three are valid for writing.
    while unsafe { (api.next_item)(dictionary, &raw mut position, &raw mut name, &raw mut value) } != 0 {
        body(name, value);
    }
}

/// # Safety
/// A live object; the interpreter's lock is held.
pub(super) unsafe fn is_special(api: &Api, name: Reference) -> bool {
    // SAFETY: the caller's promise.
    unsafe { text(api, name) }.starts_with(b"__")
}

/// What a name says; nothing where it is no text.
///
/// # Safety
/// A live object; the interpreter's lock is held. The text lives as long as the object.
unsafe fn text<'a>(api: &Api, name: Reference) -> &'a [u8] {
    let mut length = 0;
    // SAFETY: the caller's promise; the length is valid for writing. For what is no text it fails with an exception.
    let start = unsafe { (api.as_utf8)(name, &raw mut length) };
    if start.is_null() {
        // SAFETY: no precondition.
        unsafe { (api.clear)() };
        return b"";
    }
    // SAFETY: so many bytes are there, for as long as the object is.
    unsafe { std::slice::from_raw_parts(start.cast(), length.unsigned_abs()) }
}
