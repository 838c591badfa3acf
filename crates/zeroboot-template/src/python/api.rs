//! The part of CPython's C API that the Python side stands on, looked up at run time: the library is loaded into programs
//! that are no Python as well.
//!
//! All of it but the buffers and the allocators is in the stable ABI; these are the same from 3.9 on as well. See
//! <https://docs.python.org/3/c-api/stable.html>. Never here: what is done with it.

use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::mem::transmute_copy;
use std::ptr::null_mut;
use std::sync::OnceLock;

/// `PyObject`: only ever pointed to.
#[repr(C)]
pub(super) struct Object(c_void);

pub(super) type Reference = *mut Object;

/// `PyCFunction`.
pub(super) type Function = unsafe extern "C" fn(Reference, Reference) -> Reference;

/// `Py_buffer`, which is the same in all versions, although the stable ABI has it from 3.11 on only.
#[repr(C)]
pub(super) struct Buffer {
    pub(super) start: *mut c_void,
    object: Reference,
    pub(super) length: isize,
    item_size: isize,
    is_read_only: c_int,
    dimensions: c_int,
    format: *mut c_char,
    shape: *mut isize,
    strides: *mut isize,
    suboffsets: *mut isize,
    internal: *mut c_void,
}

impl Buffer {
    /// `PyBUF_WRITABLE`: contiguous, and of any kind of item.
    pub(super) const WRITABLE: c_int = 1;

    /// To be filled.
    pub(super) const fn empty() -> Self {
        Self {
            start: null_mut(),
            object: null_mut(),
            length: 0,
            item_size: 0,
            is_read_only: 0,
            dimensions: 0,
            format: null_mut(),
            shape: null_mut(),
            strides: null_mut(),
            suboffsets: null_mut(),
            internal: null_mut(),
        }
    }
}

/// `PyMemAllocatorEx`: what serves a domain of memory.
#[repr(C)]
pub(super) struct Allocator {
    pub(super) context: *mut c_void,
    pub(super) allocate: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    pub(super) allocate_zeroed: unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void,
    pub(super) resize: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void,
    pub(super) free: unsafe extern "C" fn(*mut c_void, *mut c_void),
}

impl Allocator {
    /// `PYMEM_DOMAIN_MEM`
    pub(super) const MEMORY: c_int = 1;
    /// `PYMEM_DOMAIN_OBJ`
    pub(super) const OBJECTS: c_int = 2;
}

/// `PyMethodDef`.
#[repr(C)]
pub(super) struct MethodDef {
    pub(super) name: *const c_char,
    pub(super) function: Option<Function>,
    pub(super) flags: c_int,
    pub(super) doc: *const c_char,
}

impl MethodDef {
    /// `METH_NOARGS`
    pub(super) const NO_ARGUMENT: c_int = 0x4;
    /// `METH_O`
    pub(super) const ONE_ARGUMENT: c_int = 0x8;
    /// What a list of methods ends with.
    pub(super) const END: Self =
        Self { name: std::ptr::null(), function: None, flags: 0, doc: std::ptr::null() };
}

/// `PyModuleDef`, whose first five fields are `PyModuleDef_Base`: those of an object, then what the import keeps there.
#[repr(C)]
pub(super) struct ModuleDef {
    pub(super) references: isize,
    pub(super) kind: *mut c_void,
    pub(super) init: *mut c_void,
    pub(super) index: isize,
    pub(super) copy: *mut c_void,
    pub(super) name: *const c_char,
    pub(super) doc: *const c_char,
    pub(super) size: isize,
    pub(super) methods: *mut MethodDef,
    pub(super) slots: *mut c_void,
    pub(super) traverse: *mut c_void,
    pub(super) clear: *mut c_void,
    pub(super) free: *mut c_void,
}

/// `PYTHON_ABI_VERSION`: of the stable ABI.
pub(super) const ABI_VERSION: c_int = 3;

macro_rules! api {
    ($($field:ident: $symbol:literal, $kind:ty;)*) => {
        /// The functions, each under its own name in this crate's spelling.
        pub(super) struct Api { $(pub(super) $field: $kind,)* }

        impl Api {
            fn find() -> Option<Self> {
                // SAFETY: needed since these symbols are not there when the library is linked. Each is looked up by its
                // name, with the type that the interpreter's documentation gives it.
                unsafe { Some(Self { $($field: symbol($symbol)?,)* }) }
            }
        }
    };
}

api! {
    before_fork: c"PyOS_BeforeFork", unsafe extern "C" fn();
    after_fork_in_child: c"PyOS_AfterFork_Child", unsafe extern "C" fn();
    create_module: c"PyModule_Create2", unsafe extern "C" fn(*mut ModuleDef, c_int) -> Reference;
    truth: c"PyBool_FromLong", unsafe extern "C" fn(c_long) -> Reference;
    text: c"PyUnicode_DecodeFSDefaultAndSize", unsafe extern "C" fn(*const c_char, isize) -> Reference;
    bytes: c"PyBytes_FromStringAndSize", unsafe extern "C" fn(*const c_char, isize) -> Reference;
    content: c"PyBytes_AsStringAndSize", unsafe extern "C" fn(Reference, *mut *mut c_char, *mut isize) -> c_int;
    buffer: c"PyObject_GetBuffer", unsafe extern "C" fn(Reference, *mut Buffer, c_int) -> c_int;
    release_buffer: c"PyBuffer_Release", unsafe extern "C" fn(*mut Buffer);
    number: c"PyLong_AsLong", unsafe extern "C" fn(Reference) -> c_long;
    allocator: c"PyMem_GetAllocator", unsafe extern "C" fn(c_int, *mut Allocator);
    set_allocator: c"PyMem_SetAllocator", unsafe extern "C" fn(c_int, *mut Allocator);
    list: c"PyList_New", unsafe extern "C" fn(isize) -> Reference;
    put_into_list: c"PyList_SetItem", unsafe extern "C" fn(Reference, isize, Reference) -> c_int;
    tuple: c"PyTuple_New", unsafe extern "C" fn(isize) -> Reference;
    put_into_tuple: c"PyTuple_SetItem", unsafe extern "C" fn(Reference, isize, Reference) -> c_int;
}

static API: OnceLock<Api> = OnceLock::new();

impl Api {
    /// That of the interpreter in this process; none where there is no interpreter.
    pub(super) fn of_this_process() -> Option<&'static Self> {
        if API.get().is_none() {
            // Found twice it is the same.
            let _ = API.set(Self::find()?);
        }
        API.get()
    }
}

/// # Safety
/// `T` is a pointer, to what stands under this name.
unsafe fn symbol<T: Copy>(name: &CStr) -> Option<T> {
    // SAFETY: the name ends with a NUL byte; the call only looks it up.
    let address = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    // SAFETY: not null, and of the right kind by the caller's promise; both are the size of a pointer.
    (!address.is_null()).then(|| unsafe { transmute_copy::<*mut c_void, T>(&address) })
}
