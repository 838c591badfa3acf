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
    /// `METH_VARARGS`
    pub(super) const ARGUMENTS: c_int = 0x1;
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
    integer: c"PyLong_FromLong", unsafe extern "C" fn(c_long) -> Reference;
    number: c"PyLong_AsLong", unsafe extern "C" fn(Reference) -> c_long;
    allocator: c"PyMem_GetAllocator", unsafe extern "C" fn(c_int, *mut Allocator);
    set_allocator: c"PyMem_SetAllocator", unsafe extern "C" fn(c_int, *mut Allocator);
    list: c"PyList_New", unsafe extern "C" fn(isize) -> Reference;
    put_into_list: c"PyList_SetItem", unsafe extern "C" fn(Reference, isize, Reference) -> c_int;
    call: c"PyObject_CallObject", unsafe extern "C" fn(Reference, Reference) -> Reference;
    attribute: c"PyObject_GetAttrString", unsafe extern "C" fn(Reference, *const c_char) -> Reference;
    is_true: c"PyObject_IsTrue", unsafe extern "C" fn(Reference) -> c_int;
    is_kind: c"PyType_IsSubtype", unsafe extern "C" fn(Reference, Reference) -> c_int;
    take: c"Py_IncRef", unsafe extern "C" fn(Reference);
    drop: c"Py_DecRef", unsafe extern "C" fn(Reference);
    evaluate: c"PyEval_EvalCode", unsafe extern "C" fn(Reference, Reference, Reference) -> Reference;
    raised: c"PyErr_Occurred", unsafe extern "C" fn() -> Reference;
    raised_matches: c"PyErr_ExceptionMatches", unsafe extern "C" fn(Reference) -> c_int;
    fetch: c"PyErr_Fetch", unsafe extern "C" fn(*mut Reference, *mut Reference, *mut Reference);
    set_traceback: c"PyException_SetTraceback", unsafe extern "C" fn(Reference, Reference) -> c_int;
    normalize: c"PyErr_NormalizeException", unsafe extern "C" fn(*mut Reference, *mut Reference, *mut Reference);
    restore: c"PyErr_Restore", unsafe extern "C" fn(Reference, Reference, Reference);
    clear: c"PyErr_Clear", unsafe extern "C" fn();
    print: c"PyErr_PrintEx", unsafe extern "C" fn(c_int);
    unraisable: c"PyErr_WriteUnraisable", unsafe extern "C" fn(Reference);
    system_exit: c"PyExc_SystemExit", *const Reference;
    syntax_error: c"PyExc_SyntaxError", *const Reference;
    value_error: c"PyExc_ValueError", *const Reference;
    exception: c"PyExc_Exception", *const Reference;
    keyboard_interrupt: c"PyExc_KeyboardInterrupt", *const Reference;
    none: c"_Py_NoneStruct", Reference;
    integer_kind: c"PyLong_Type", Reference;
    text_kind: c"PyUnicode_Type", Reference;
    float_kind: c"PyFloat_Type", Reference;
    truth_kind: c"PyBool_Type", Reference;
    bytes_kind: c"PyBytes_Type", Reference;
    tuple_kind: c"PyTuple_Type", Reference;
    module_kind: c"PyModule_Type", Reference;
    as_text: c"PyObject_Str", unsafe extern "C" fn(Reference) -> Reference;
    function_kind: c"PyFunction_Type", Reference;
    type_kind: c"PyType_Type", Reference;
    as_utf8: c"PyUnicode_AsUTF8AndSize", unsafe extern "C" fn(Reference, *mut isize) -> *const c_char;
    set_attribute: c"PyObject_SetAttrString", unsafe extern "C" fn(Reference, *const c_char, Reference) -> c_int;
    write_text: c"PyFile_WriteString", unsafe extern "C" fn(*const c_char, Reference) -> c_int;
    write_object: c"PyFile_WriteObject", unsafe extern "C" fn(Reference, Reference, c_int) -> c_int;
    of_sys: c"PySys_GetObject", unsafe extern "C" fn(*const c_char) -> Reference;
    set_of_sys: c"PySys_SetObject", unsafe extern "C" fn(*const c_char, Reference) -> c_int;
    import: c"PyImport_ImportModule", unsafe extern "C" fn(*const c_char) -> Reference;
    modules: c"PyImport_GetModuleDict", unsafe extern "C" fn() -> Reference;
    namespace: c"PyModule_GetDict", unsafe extern "C" fn(Reference) -> Reference;
    next_item: c"PyDict_Next", unsafe extern "C" fn(Reference, *mut isize, *mut Reference, *mut Reference) -> c_int;
    item: c"PyDict_GetItemString", unsafe extern "C" fn(Reference, *const c_char) -> Reference;
    put: c"PyDict_SetItem", unsafe extern "C" fn(Reference, Reference, Reference) -> c_int;
    put_text: c"PyDict_SetItemString", unsafe extern "C" fn(Reference, *const c_char, Reference) -> c_int;
    function: c"PyFunction_New", unsafe extern "C" fn(Reference, Reference) -> Reference;
    weak: c"PyWeakref_NewRef", unsafe extern "C" fn(Reference, Reference) -> Reference;
    run_file: c"PyRun_FileExFlags", unsafe extern "C" fn(*mut libc::FILE, *const c_char, c_int, Reference, Reference, c_int, *mut c_void) -> Reference;
    update: c"PyDict_Update", unsafe extern "C" fn(Reference, Reference) -> c_int;
    place: c"PyTuple_GetItem", unsafe extern "C" fn(Reference, isize) -> Reference;
    thread: c"PyThreadState_Get", unsafe extern "C" fn() -> *mut c_void;
    thread_items: c"PyThreadState_GetDict", unsafe extern "C" fn() -> Reference;
    interpreter: c"PyThreadState_GetInterpreter", unsafe extern "C" fn(*mut c_void) -> *mut c_void;
    new_thread: c"PyThreadState_New", unsafe extern "C" fn(*mut c_void) -> *mut c_void;
    delete_thread: c"PyThreadState_Delete", unsafe extern "C" fn(*mut c_void);
    clear_thread: c"PyThreadState_Clear", unsafe extern "C" fn(*mut c_void);
    leave_thread: c"PyThreadState_DeleteCurrent", unsafe extern "C" fn();
    enter_thread: c"PyGILState_Ensure", unsafe extern "C" fn() -> c_int;
    context: c"PyContext_CopyCurrent", unsafe extern "C" fn() -> Reference;
    enter_context: c"PyContext_Enter", unsafe extern "C" fn(Reference) -> c_int;
    tuple: c"PyTuple_New", unsafe extern "C" fn(isize) -> Reference;
    put_into_tuple: c"PyTuple_SetItem", unsafe extern "C" fn(Reference, isize, Reference) -> c_int;
}

// SAFETY: needed since it holds addresses of the interpreter's own objects, which live as long as the process. Every use of them is under
// the interpreter's lock.
unsafe impl Send for Api {}
// SAFETY: as above.
unsafe impl Sync for Api {}

/// An exception is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Raised;

static API: OnceLock<Api> = OnceLock::new();

impl Api {
    /// The type of an object, which it is not asked for: its second field.
    ///
    /// # Safety
    /// An object that lives.
    pub(super) unsafe fn kind(&self, object: Reference) -> Reference {
        // SAFETY: the caller's promise; each object begins with its reference count and its type, of a pointer's size both.
        unsafe { *object.cast::<Reference>().add(1) }
    }

    /// How many references there are to an object: its first field, or the lower half of it.
    ///
    /// # Safety
    /// An object that lives; the interpreter's lock is held.
    pub(super) unsafe fn references(&self, object: Reference) -> u32 {
        // SAFETY: the caller's promise. On the machines that we know the lower half comes first.
        unsafe { *object.cast::<u32>() }
    }

    /// Whether an object is of this type, or of one that is derived from it.
    ///
    /// # Safety
    /// An object and a type that live; the interpreter's lock is held.
    pub(super) unsafe fn is_instance(&self, object: Reference, kind: Reference) -> bool {
        // SAFETY: the caller's promise.
        unsafe { (self.is_kind)(self.kind(object), kind) != 0 }
    }

    /// Says that the set exception is ignored: where the interpreter can (from 3.13 on) with these words of its own, else with
    /// the object that it comes from.
    ///
    /// # Safety
    /// An object that lives, and words without a `%`; an exception is set, and the interpreter's lock is held.
    pub(super) unsafe fn ignore(&self, object: Reference, words: &CStr) {
        // SAFETY: the function has this type where it is there; without a `%` it takes no further argument.
        unsafe {
            match symbol::<unsafe extern "C" fn(*const c_char, ...)>(c"PyErr_FormatUnraisable") {
                Some(say) => say(words.as_ptr()),
                None => (self.unraisable)(object),
            }
        }
    }

    /// Calls a method without arguments, and drops what it returns. Where it fails, an exception is set.
    ///
    /// # Safety
    /// An object that lives; the interpreter's lock is held.
    pub(super) unsafe fn call_method(&self, object: Reference, name: &CStr) -> Result<(), Raised> {
        // SAFETY: the caller's promise; an attribute and a result are references of our own, each dropped once.
        unsafe {
            let method = (self.attribute)(object, name.as_ptr());
            if method.is_null() {
                return Err(Raised);
            }
            let result = (self.call)(method, null_mut());
            (self.drop)(method);
            if result.is_null() {
                return Err(Raised);
            }
            (self.drop)(result);
            Ok(())
        }
    }

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
