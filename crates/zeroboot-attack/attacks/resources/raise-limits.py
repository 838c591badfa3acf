# Raises each of its hard limits.
import resource


def raise_all():
    passed = []
    for name in (each for each in dir(resource) if each.startswith("RLIMIT_")):
        soft, hard = resource.getrlimit(getattr(resource, name))
        if hard == resource.RLIM_INFINITY:
            continue
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (soft, hard + 1))
        # Whatever was answered.
        if resource.getrlimit(getattr(resource, name))[1] != hard:
            passed.append(name)
    if not passed:
        raise OSError(errno.EPERM, "refused")
    return passed


with refused():
    through("raised %s" % in_child(raise_all))
