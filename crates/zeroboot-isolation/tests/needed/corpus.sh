# What everyday shell scripts do.
directory=$(mktemp -d)
cd "$directory" || exit
seq 9 | sort -r > a; cp -a a b; mv b c; ls -la > names; stat c > facts; tar cf t.tar a c; tar xf t.tar; grep -q 9 c
ln a hard; ln -s a soft; readlink soft; touch -d yesterday a; chmod 600 a; mkdir -p d/e; rmdir d/e; mkfifo fifo; truncate -s 10 c
find . -name c; head -c 5 a | wc -c; tail -n 1 a; cat a | tr 1 2; date > now; nice true; timeout 5 true; uname -a > machine
cp --reflink=auto a f; df . > disks; du -s . > size; sleep 0.01 & wait; ulimit -n > limit; id > me; ps > processes
kill -0 $$; trap true USR1; kill -USR1 $$; nproc > processors; gzip -k a; gzip -dc a.gz; sed -i s/1/2/ a; awk '{ print }' a
dd if=a of=g bs=1 count=3 conv=fsync 2> log; printenv > variables; test -w a; stty -a 2> log; sync a; fallocate -l 1000 h
cd / && rm -r "$directory"
exit 0
