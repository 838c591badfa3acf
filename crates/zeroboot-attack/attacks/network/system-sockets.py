# Connects to the sockets of the system's services.
PLACES = ("/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket",
          "/run/systemd/notify", "/run/systemd/private", "/run/udev/control", "/dev/log", "/run/podman/podman.sock")
errors = set()
for place in PLACES:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            with socket.socket(socket.AF_UNIX, kind) as connection:
                connection.connect(place)
                through("%s takes a connection" % place)
        except OSError as error:
            errors.add(name_of(error))
held(", ".join(sorted(errors)))
