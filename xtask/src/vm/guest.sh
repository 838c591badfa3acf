# Runs inside the virtual machine, as its root: SHARE SCRATCH UID LIMIT. What runs stands in SHARE/jobs; the host hears of each
# program's end by a line in SHARE/status, and of the whole by the line `done`.
share=$1 scratch=$2 uid=$3 limit=$4
cgroups=/sys/fs/cgroup

fail() {
    echo "error: $*"
    exit 1
}

# The host kills a machine that takes too long. Should there be no host any more, the machine ends by itself.
(sleep "$((limit + 60))"; echo o >/proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &

[ "$(stat -f -c %T $cgroups)" = cgroup2fs ] || mount -t cgroup2 cgroup2 $cgroups || fail "no cgroup v2"
mount -o remount,rw $cgroups || fail "cgroups cannot be written"
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset XDG_RUNTIME_DIR

# The root is the host's file tree, over 9p: no socket and no special file can be made there.
fresh() {
    for place in /tmp /dev/shm "$scratch"; do
        mount -t tmpfs -o mode=1777 tmpfs "$place" || fail "no tmpfs on $place"
    done
    mkdir -m 700 /tmp/home || fail "no home"
    export HOME=/tmp/home
}

# What systemd gives a user's session: a subtree of its own, with controllers, and processes in a leaf of it.
# cgroups(7), "Delegation".
delegate() {
    echo "+cpu +memory +pids" >$cgroups/cgroup.subtree_control || fail "no controllers"
    for place in $cgroups/delegated $cgroups/delegated/host; do
        mkdir $place || fail "no cgroup $place"
        for file in "" /cgroup.procs /cgroup.threads /cgroup.subtree_control; do
            chown "$uid:$uid" $place$file || fail "$place$file cannot be given away"
        done
    done
}

# Runs "$@" as the user, who has been prepared.
as() {
    case $user in
    root) "$@" ;;
    ordinary) sh -c "echo \$\$ >$cgroups/delegated/host/cgroup.procs && exec setpriv \
        --reuid $uid --regid $uid --clear-groups --inh-caps=-all \"\$@\"" as "$@" ;;
    esac
}

tab=$(printf '\t')
user=
while IFS=$tab read -r next seconds name directory words; do
    if [ "$next" != "$user" ]; then
        user=$next
        fresh
        if [ "$user" = ordinary ]; then
            chown "$uid:$uid" /tmp/home
            delegate
        fi
    fi
    echo "== $user: $name"
    IFS=$tab
    set -f
    # shellcheck disable=SC2086 -- the program and its arguments stand between tabs
    set -- $words
    set +f
    unset IFS
    if ! as test -x "$1"; then
        echo "remedy: keep the project where every user may look, not below a private home"
        fail "user $uid cannot reach $1"
    fi
    cd "$directory" || fail "no directory $directory"
    begun=$(date +%s)
    as timeout -k 5 "$seconds" "$@" </dev/null 2>&1
    status=$?
    took=$(($(date +%s) - begun))
    echo "-- $user: $name: status $status after $took s"
    echo "$status $user: $name" >>"$share/status"
done <"$share/jobs"
echo done >>"$share/status"
