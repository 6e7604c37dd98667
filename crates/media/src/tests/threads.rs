//! Which types threads may pass on or share.

use super::*;

#[test]
fn types_can_move_to_another_thread() {
    fn send<T: Send>() {}
    send::<Background>();
    send::<Reader>();
    send::<Writer>();
    fn sync<T: Sync>() {}
    sync::<FramePool>();
    sync::<VideoFrame>();
    sync::<SourceTemplate>();
}
