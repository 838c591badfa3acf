# Runs inside the virtual machine, as its root: SHARE USER UID LIMIT. The host hears of each test program by a line in
# SHARE/status, and of the end by the line `done`.
share=$1 user=$2 uid=$3 limit=$4
say() { echo "$@" >>"$share/status"; }

# The host kills a machine that takes too long. Should there be no host any more, the machine ends by itself.
(sleep "$((limit + 60))"; echo o >/proc/sysrq-trigger) >/dev/null 2>&1 </dev/null &

# The root is the host's file tree, over 9p: no socket and no special file can be made there.
for place in /tmp /dev/shm; do
    mount -t tmpfs -o mode=1777 tmpfs "$place" || exit 1
done
mkdir -m 700 /tmp/home || exit 1
export HOME=/tmp/home PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset XDG_RUNTIME_DIR
as=
if [ "$user" = ordinary ]; then
    chown "$uid:$uid" /tmp/home
    as="setpriv --reuid $uid --regid $uid --clear-groups --inh-caps=-all"
fi

set --
while IFS= read -r word; do
    set -- "$@" "$word"
done <"$share/arguments"

while IFS='	' read -r directory program; do
    name=${program##*/}
    echo "== $name"
    if ! $as test -x "$program"; then
        echo "error: user $uid cannot reach $program"
        echo "remedy: keep the project where every user may look, not below a private home"
        exit 1
    fi
    cd "$directory" || exit 1
    # shellcheck disable=SC2086 -- several words, or none
    timeout -k 5 300 $as "$program" "$@" </dev/null
    say "$? $name"
done <"$share/programs"
say done
