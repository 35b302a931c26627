//! Is a file on a network file system? SQLite's locks and its shared memory do not hold there: two machines that
//! think they have the database to themselves destroy it.

use std::path::Path;

/// File systems that live on another machine, by the names that the kernel gives them.
const NETWORK: [&str; 16] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "smbfs",
    "afs",
    "ceph",
    "9p",
    "lustre",
    "glusterfs",
    "gfs2",
    "ocfs2",
    "beegfs",
    "fuse.sshfs",
    "fuse.glusterfs",
    "fuse.s3fs",
];

/// The network file system that holds `path` (absolute, without links), by the kernel's list of mounts.
pub(super) fn network_file_system(mounts: &str, path: &Path) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        // `36 35 98:0 /root /mount options optional... - type source options`
        let Some((mount, tail)) = line.split_once(" - ") else { continue };
        let Some(point) = mount.split(' ').nth(4) else { continue };
        let point = point.replace("\\040", " ");
        let kind = tail.split(' ').next().unwrap_or_default();
        // Later mounts lie over earlier ones of the same place.
        if path.starts_with(&point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    best.filter(|(_, kind)| NETWORK.contains(kind)).map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
30 22 0:40 / /srv/share rw shared:1 - nfs4 server:/share rw
31 30 8:2 / /srv/share/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/with\\040space rw - fuse.sshfs me@there: rw
33 22 0:42 / /srv/shared rw - tmpfs tmpfs rw
";

    #[test]
    fn the_nearest_mount_decides() {
        for (path, expected) in [
            ("/var/lib/updock/state.db", None),
            ("/srv/share/state.db", Some("nfs4")),
            ("/srv/share/local/state.db", None),
            ("/srv/shared/state.db", None),
            ("/mnt/with space/state.db", Some("fuse.sshfs")),
        ] {
            assert_eq!(network_file_system(MOUNTS, Path::new(path)).as_deref(), expected, "{path}");
        }
        assert_eq!(network_file_system("", Path::new("/x")), None);
    }
}
