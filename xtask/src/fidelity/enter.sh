# Runs a command in another tree of files, in a mount namespace of its own: by `pivot_root`, since processes whose root is
# not that of their namespace may make no user namespaces.
#
# Arguments: the tree, the project, which is seen at its own place, and the command.
set -eu
tree=$1
project=$2
shift 2

mount --bind "$tree" "$tree"
for directory in proc sys dev; do
    mount --rbind "/$directory" "$tree/$directory"
done
mkdir -p "$tree$project"
mount --rbind "$project" "$tree$project"
mount -t tmpfs -o mode=1777 none "$tree/tmp"
cd "$tree"
pivot_root . .
umount -l .
cd "$project"
exec "$@"
