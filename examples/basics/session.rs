fn main() {
    println!("{}", pop3_proto::MIN_SINK);
}
