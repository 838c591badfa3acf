# Runs a script as a sandbox would, without one: as the same kind of user, in an empty working directory of the same name.
#
# Arguments: the user's number ("" for the one that starts this), the interpreter's directories with colons between, the
# script's file, its name, and the command. Starts in a mount namespace of its own with all capabilities that its user
# namespace has, and hands none of them on.
set -eu
user=$1
shown=$2
script=$3
name=$4
shift 4

stage=/mnt
mount -t tmpfs -o mode=755 none "$stage"
# What lies in these is hidden, as in a sandbox, but for the interpreter.
mkdir -p "$stage/home/sandbox" "$stage/root"
chmod 700 "$stage/home/sandbox"
cp "$script" "$stage/home/sandbox/$name"
IFS=:
for top in /home /root; do
    for directory in $shown; do
        case $directory in
        "$top"/*)
            mkdir -p "$stage$directory"
            mount --rbind "$directory" "$stage$directory"
            ;;
        esac
    done
done
unset IFS
for top in /home /root; do
    [ ! -e "$top" ] || mount --rbind "$stage$top" "$top"
done
mount -t tmpfs -o mode=1777 none /tmp
# The user has the name that it has in a sandbox, and no other.
id=${user:-$(id -u)}
group=${user:-$(id -g)}
{ grep -v -e "^[^:]*:[^:]*:$id:" -e "^sandbox:" /etc/passwd; echo "sandbox:x:$id:$group::/home/sandbox:/bin/sh"; } >"$stage/passwd"
{ grep -v -e "^[^:]*:[^:]*:$group:" -e "^sandbox:" /etc/group; echo "sandbox:x:$group:"; } >"$stage/group"
for name in passwd group; do
    mount --bind "$stage/$name" "/etc/$name"
    mount -o remount,bind,ro "/etc/$name"
done
[ -z "$user" ] || chown -R "$user:$user" /home/sandbox
# A pipe belongs to the user that made it: the program may open its own streams by their names.
for stream in 0 1 2; do
    [ ! -p "/proc/self/fd/$stream" ] || chmod 666 "/proc/self/fd/$stream"
done
umask 022
cd /home/sandbox
set -- env -i PATH="${1%/*}:/usr/local/bin:/usr/bin:/bin" HOME=/home/sandbox TMPDIR=/tmp LANG=C.UTF-8 "$@"
if [ -n "$user" ]; then
    exec setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all "$@"
fi
exec setpriv --inh-caps=-all --ambient-caps=-all "$@"
