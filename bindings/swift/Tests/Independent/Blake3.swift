/// BLAKE3, as its paper describes it: chunks of 1,024 bytes, hashed in blocks of 64, joined in a binary tree.
public func blake3(_ input: Bytes) -> Bytes {
    node(input[...], at: 0).root
}

private let start: [UInt32] = [
    0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
]
private let order = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
private let chunkStart: UInt32 = 1, chunkEnd: UInt32 = 2, parent: UInt32 = 4, root: UInt32 = 8
private let chunkBytes = 1_024

/// What a node of the tree feeds into its last compression.
private struct Node {
    var chain: [UInt32]
    var block: [UInt32]
    var length: UInt32
    var counter: UInt64
    var flags: UInt32

    var chained: [UInt32] { Array(compress(self)[..<8]) }

    var root: Bytes {
        var last = self
        last.flags |= Independent.root
        last.counter = 0
        return compress(last)[..<8].flatMap { (word: UInt32) -> Bytes in
            [0, 8, 16, 24].map { (shift: UInt32) -> UInt8 in UInt8(truncatingIfNeeded: word >> shift) }
        }
    }
}

/// The node over `input`, whose first chunk is the one numbered `at`.
private func node(_ input: ArraySlice<UInt8>, at: UInt64) -> Node {
    if input.count <= chunkBytes { return chunk(input, at: at) }
    // The left subtree is full: the largest power of two of chunks that leaves something to the right.
    var left = chunkBytes
    while left * 2 < input.count { left *= 2 }
    let split = input.startIndex + left
    let halves = node(input[..<split], at: at).chained
        + node(input[split...], at: at + UInt64(left / chunkBytes)).chained
    return Node(chain: start, block: halves, length: 64, counter: 0, flags: parent)
}

private func chunk(_ input: ArraySlice<UInt8>, at: UInt64) -> Node {
    var chain = start
    var rest = input
    var flags = chunkStart
    while true {
        let bytes = rest.prefix(64)
        rest = rest.dropFirst(64)
        let padded = Array(bytes) + Bytes(repeating: 0, count: 64 - bytes.count)
        let block = stride(from: 0, to: 64, by: 4).map { (place: Int) -> UInt32 in
            padded[place..<place + 4].reversed().reduce(UInt32(0)) { word, byte in word << 8 | UInt32(byte) }
        }
        let last = rest.isEmpty
        let node = Node(
            chain: chain, block: block, length: UInt32(bytes.count), counter: at, flags: flags | (last ? chunkEnd : 0))
        if last { return node }
        chain = node.chained
        flags = 0
    }
}

private func compress(_ node: Node) -> [UInt32] {
    var state = node.chain + Array(start[..<4])
    state += [
        UInt32(truncatingIfNeeded: node.counter), UInt32(truncatingIfNeeded: node.counter >> 32), node.length, node.flags,
    ]
    func mix(_ a: Int, _ b: Int, _ c: Int, _ d: Int, _ x: UInt32, _ y: UInt32) {
        func turned(_ word: UInt32, _ by: UInt32) -> UInt32 { word >> by | word << (32 - by) }
        state[a] = state[a] &+ state[b] &+ x
        state[d] = turned(state[d] ^ state[a], 16)
        state[c] = state[c] &+ state[d]
        state[b] = turned(state[b] ^ state[c], 12)
        state[a] = state[a] &+ state[b] &+ y
        state[d] = turned(state[d] ^ state[a], 8)
        state[c] = state[c] &+ state[d]
        state[b] = turned(state[b] ^ state[c], 7)
    }
    var block = node.block
    for _ in 0..<7 {
        for n in 0..<4 { mix(n, 4 + n, 8 + n, 12 + n, block[n * 2], block[n * 2 + 1]) }
        for n in 0..<4 {
            mix(n, 4 + (n + 1) % 4, 8 + (n + 2) % 4, 12 + (n + 3) % 4, block[8 + n * 2], block[9 + n * 2])
        }
        block = order.map { block[$0] }
    }
    return (0..<8).map { state[$0] ^ state[$0 + 8] }
}
