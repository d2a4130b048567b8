use super::*;
use pop3_proto::AsUniqueId;

#[test]
fn the_base_name_ends_before_the_flags() {
    for (name, base) in [("1.a:2,S", "1.a"), ("1.a", "1.a"), ("1.a:", "1.a"), (":2,S", ""), ("1:2:3", "1")] {
        assert_eq!(base_name(name.as_bytes()), base.as_bytes());
    }
}

#[test]
fn messages_are_in_the_order_of_delivery() {
    let names: [&[u8]; 5] = [b"x", b"99.b", b"999.a", b"1000.a", b"99999999999999999999999"];
    assert!(names.is_sorted_by_key(|name| order(name)));
}

#[test]
fn unique_ids_are_valid_and_differ() {
    let names: [&[u8]; 6] =
        [b"1700.M1P1.host,S=10", &[b'x'; 70], &[b'x'; 71], b"two words", b"gr\xc3\xbc\xc3\x9fe", b""];
    let ids = names.map(|name| unique_id(name).as_unique_id().to_string());
    assert_eq!(ids[0], "1700.M1P1.host,S=10");
    assert_eq!(ids[1].len(), 70);
    assert_eq!(ids[5], "fnv1a128.6c62272e07bb014262b821756295c58d");
    assert!(ids[2..].iter().all(|id| id.starts_with(HASHED)));
    assert_eq!(std::collections::HashSet::from(ids.clone()).len(), 6);
    assert_ne!(unique_id(ids[3].as_bytes()).as_unique_id().to_string(), ids[3]);
}

#[test]
fn the_hash_is_fnv_1a() {
    // The test vectors of the FNV authors for 128 bits.
    assert_eq!(fnv1a(b"a"), 0xd228cb696f1a8caf78912b704e4a8964);
    assert_eq!(fnv1a(b"foobar"), 0x343e1662793c64bf6f0d3597ba446f18);
}
