//! Databases that are shared, damaged or full.

use super::writer::ENTRY_OVERHEAD;
use super::*;
use rusqlite::params;
use std::fs;
use std::time::Duration;

const BIG: u64 = 1 << 30;

fn key(n: u32) -> Key {
    Key(blake3::hash(&n.to_le_bytes()).into())
}

fn data(n: u32) -> Vec<u8> {
    n.to_le_bytes().repeat(5000)
}

fn filled(folder: &Path, numbers: std::ops::Range<u32>) {
    let disk = Disk::open(folder, BIG).unwrap();
    numbers.for_each(|n| disk.put(key(n), data(n)));
}

#[test]
fn entries_outlive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Disk::stats(dir.path()).unwrap().entries, 0);
    filled(dir.path(), 0..10);
    let disk = Disk::open(dir.path(), BIG).unwrap();
    assert!((0..10).all(|n| disk.get(&key(n)) == Some(data(n))));
    assert_eq!(disk.get(&key(11)), None);
    let stats = Disk::stats(dir.path()).unwrap();
    assert_eq!((stats.entries, stats.bytes), (10, 10 * (20_000 + ENTRY_OVERHEAD as u64)));
    assert!(stats.file_bytes >= stats.bytes && stats.oldest.is_some());
    assert_eq!(Disk::verify(dir.path()).unwrap(), Checked { entries: 10, ..Checked::default() });
    assert_eq!(Disk::clear(dir.path()).unwrap().entries, 10);
    assert_eq!(Disk::stats(dir.path()).unwrap().entries, 0);
    disk.put(key(1), data(1));
    disk.flush();
    assert_eq!(disk.get(&key(1)), Some(data(1)), "an open database stays usable");
}

#[test]
fn no_file_is_created_before_the_first_entry() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("vrseg");
    let disk = Disk::open(&folder, BIG).unwrap();
    assert_eq!(disk.get(&key(1)), None);
    disk.flush();
    assert!(!folder.join(FILE_NAME).exists());
}

#[test]
fn least_recently_used_entries_are_evicted() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..10);
    std::thread::sleep(Duration::from_millis(5));
    let disk = Disk::open(dir.path(), 205_000).unwrap();
    assert!(disk.get(&key(0)).is_some());
    disk.flush();
    std::thread::sleep(Duration::from_millis(5));
    disk.put(key(10), data(10));
    disk.flush();
    assert!(Disk::stats(dir.path()).unwrap().bytes < 205_000);
    assert!(disk.get(&key(0)).is_some() && disk.get(&key(10)).is_some());
    assert!(disk.get(&key(1)).is_none());
    disk.put(key(11), vec![0; 100_000]);
    assert_eq!(disk.lost(), 1, "one entry does not evict all others");
}

#[test]
fn damaged_entry_is_a_miss() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 0..5);
    let damage = |n: u32| {
        let raw = Connection::open(dir.path().join(FILE_NAME)).unwrap();
        let mut bytes = data(n);
        bytes[777] ^= 1;
        raw.execute("UPDATE entry SET data = ?2 WHERE key = ?1", params![&key(n).0[..], bytes]).unwrap();
    };
    damage(2);
    let disk = Disk::open(dir.path(), BIG).unwrap();
    assert_eq!(disk.get(&key(2)), None);
    disk.flush();
    assert_eq!(Disk::stats(dir.path()).unwrap().entries, 4, "it is removed");
    damage(3);
    assert_eq!(Disk::verify(dir.path()).unwrap(), Checked { entries: 4, damaged: 1, file_damaged: false });
    assert!(disk.get(&key(1)).is_some());
}

#[test]
fn damaged_file_is_replaced() {
    for damage in [
        (|path: &Path| fs::write(path, b"not a database at all".repeat(1000)).unwrap()) as fn(&Path),
        |path| {
            let mut bytes = fs::read(path).unwrap();
            let n = bytes.len();
            bytes[1000..n].fill(0x5a);
            fs::write(path, bytes).unwrap();
        },
        |path| fs::write(path, &fs::read(path).unwrap()[..20_000]).unwrap(),
    ] {
        let dir = tempfile::tempdir().unwrap();
        filled(dir.path(), 0..5);
        damage(&dir.path().join(FILE_NAME));
        let disk = Disk::open(dir.path(), BIG).unwrap();
        (0..5).for_each(|n| assert!(disk.get(&key(n)).is_none_or(|d| d == data(n))));
        drop(disk);
        Disk::verify(dir.path()).unwrap();
        filled(dir.path(), 20..25);
        let disk = Disk::open(dir.path(), BIG).unwrap();
        assert!((20..25).all(|n| disk.get(&key(n)) == Some(data(n))));
    }
}

#[test]
fn several_writers_share_the_file() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for part in 0..4 {
            let folder = dir.path();
            scope.spawn(move || filled(folder, 50 * part..50 * part + 50));
        }
    });
    let disk = Disk::open(dir.path(), BIG).unwrap();
    assert!((0..200).all(|n| disk.get(&key(n)) == Some(data(n))));
}
