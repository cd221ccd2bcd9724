package com.fieldsync

import java.io.ByteArrayOutputStream
import java.security.KeyFactory
import java.security.MessageDigest
import java.security.Signature
import java.security.spec.X509EncodedKeySpec
import java.util.HexFormat

// What a third party needs to check the office's papers, written from docs/PROTOCOL.md and the standards alone: nothing
// here knows the engine. Values are Map, List, String, Long, Boolean, ByteArray and null.

val HEX: HexFormat = HexFormat.of()

fun sha256(bytes: ByteArray): String = HEX.formatHex(MessageDigest.getInstance("SHA-256").digest(bytes))

/** Whether the holder of a raw Ed25519 key signed these bytes. */
fun verifies(
    key: String,
    bytes: ByteArray,
    signature: String,
): Boolean {
    // The fixed head of a SubjectPublicKeyInfo for Ed25519 (RFC 8410); the key follows it.
    val encoded = HEX.parseHex("302a300506032b6570032100$key")
    val verifier = Signature.getInstance("Ed25519")
    verifier.initVerify(KeyFactory.getInstance("Ed25519").generatePublic(X509EncodedKeySpec(encoded)))
    verifier.update(bytes)
    return verifier.verify(HEX.parseHex(signature))
}

/** Reads JSON without floats. */
class Json(
    private val text: String,
) {
    private var at = 0

    fun read(): Any? = value().also { check(next() == END) { "something follows at $at" } }

    private fun next(): Char {
        while (at < text.length && text[at].isWhitespace()) at++
        return text.getOrElse(at) { END }
    }

    private fun take(word: String): Boolean {
        next()
        return text.startsWith(word, at).also { if (it) at += word.length }
    }

    private fun value(): Any? =
        when (next()) {
            '{' -> {
                at++
                val map = LinkedHashMap<String, Any?>()
                while (!take("}")) {
                    take(",")
                    next()
                    val name = string()
                    check(take(":"))
                    check(map.put(name, value()) == null) { "$name stands twice" }
                }
                map
            }

            '[' -> {
                at++
                val list = ArrayList<Any?>()
                while (!take("]")) {
                    take(",")
                    list += value()
                }
                list
            }

            '"' -> {
                string()
            }

            't' -> {
                check(take("true"))
                true
            }

            'f' -> {
                check(take("false"))
                false
            }

            'n' -> {
                check(take("null"))
                null
            }

            else -> {
                val from = at
                while (text.getOrElse(at) { END } in "-0123456789") at++
                text.substring(from, at).toLong()
            }
        }

    private fun string(): String {
        check(text[at++] == '"')
        val out = StringBuilder()
        while (text[at] != '"') {
            if (text[at] != '\\') {
                out.append(text[at++])
                continue
            }
            at += 2
            when (val letter = text[at - 1]) {
                'n' -> out.append('\n')
                't' -> out.append('\t')
                'r' -> out.append('\r')
                'b' -> out.append('\b')
                'f' -> out.append('\u000c')
                'u' -> out.append(text.substring(at, at + 4).toInt(16).toChar()).also { at += 4 }
                else -> out.append(letter)
            }
        }
        at++
        return out.toString()
    }

    companion object {
        private const val END = '\u0000'

        /** Canonical JSON (RFC 8785) of a value without floats: names in the order of their UTF-16 units. */
        fun canonical(value: Any?): String =
            when (value) {
                is Map<*, *> -> {
                    val names = value.keys.map { it as String }.sorted()
                    names.joinToString(",", "{", "}") { "${quoted(it)}:${canonical(value[it])}" }
                }

                is List<*> -> {
                    value.joinToString(",", "[", "]") { canonical(it) }
                }

                is String -> {
                    quoted(value)
                }

                else -> {
                    value.toString()
                }
            }

        private fun quoted(text: String): String {
            val out = StringBuilder("\"")
            for (letter in text) {
                when (letter) {
                    '"', '\\' -> out.append('\\').append(letter)
                    '\b' -> out.append("\\b")
                    '\t' -> out.append("\\t")
                    '\n' -> out.append("\\n")
                    '\u000c' -> out.append("\\f")
                    '\r' -> out.append("\\r")
                    in '\u0000'..'\u001f' -> out.append("\\u%04x".format(letter.code))
                    else -> out.append(letter)
                }
            }
            return out.append('"').toString()
        }
    }
}

/** Reads deterministic CBOR (RFC 8949, without floats and tags), and refuses what has a shorter form. */
class Cbor(
    private val bytes: ByteArray,
) {
    private var at = 0

    fun read(): Any? = value().also { check(at == bytes.size) { "something follows at $at" } }

    private fun byte(): Int = bytes[at++].toInt() and 0xff

    private fun argument(short: Int): Long {
        if (short < 24) return short.toLong()
        check(short in 24..27) { "no definite length at $at" }
        val length = 1 shl (short - 24)
        var number = 0L
        repeat(length) { number = (number shl 8) or byte().toLong() }
        val least = if (length == 1) 24L else 1L shl (4 * length)
        check(java.lang.Long.compareUnsigned(number, least) >= 0) { "not the shortest form at $at" }
        return number
    }

    private fun value(): Any? {
        val head = byte()
        val short = head and 31
        return when (head shr 5) {
            0 -> argument(short)
            1 -> -1 - argument(short)
            2 -> take(argument(short))
            3 -> take(argument(short)).decodeToString(throwOnInvalidSequence = true)
            4 -> List(argument(short).toInt()) { value() }
            5 -> LinkedHashMap<Any?, Any?>().apply { repeat(argument(short).toInt()) { check(put(value(), value()) == null) } }
            7 -> simple(short)
            else -> error("tags are not used")
        }
    }

    private fun simple(short: Int): Boolean? =
        when (short) {
            20 -> false
            21 -> true
            22 -> null
            else -> error("floats are not used")
        }

    private fun take(length: Long): ByteArray = bytes.copyOfRange(at, Math.addExact(at, length.toInt())).also { at += it.size }
}

/** BLAKE3 of one short or long input, after the specification. */
object Blake3 {
    private val IV = intArrayOf(0x6A09E667, -0x4498517B, 0x3C6EF372, -0x5AB00AC6, 0x510E527F, -0x64FA9774, 0x1F83D9AB, 0x5BE0CD19)
    private val ORDER = intArrayOf(2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
    private const val CHUNK_START = 1
    private const val CHUNK_END = 2
    private const val PARENT = 4
    private const val ROOT = 8

    fun hash(bytes: ByteArray): String {
        val words = tree(bytes, 0, bytes.size, 0, ROOT)
        val out = ByteArrayOutputStream()
        for (word in words) repeat(4) { out.write(word ushr (8 * it)) }
        return HEX.formatHex(out.toByteArray())
    }

    /** The chaining value of the subtree over [from] until [to]; its left half is the largest power of two of chunks. */
    private fun tree(
        bytes: ByteArray,
        from: Int,
        to: Int,
        chunk: Long,
        root: Int,
    ): IntArray {
        if (to - from <= 1024) return chunk(bytes, from, to, chunk, root)
        val left = 1024 * Integer.highestOneBit((to - from - 1) / 1024)
        val block = tree(bytes, from, from + left, chunk, 0) + tree(bytes, from + left, to, chunk + left / 1024, 0)
        return compress(IV, block, 0, 64, PARENT or root)
    }

    private fun chunk(
        bytes: ByteArray,
        from: Int,
        to: Int,
        chunk: Long,
        root: Int,
    ): IntArray {
        var value = IV
        var at = from
        do {
            val end = minOf(at + 64, to)
            val block = IntArray(16)
            for (i in at until end) block[(i - at) / 4] = block[(i - at) / 4] or ((bytes[i].toInt() and 0xff) shl (8 * ((i - at) % 4)))
            val flags = (if (at == from) CHUNK_START else 0) or (if (end == to) CHUNK_END or root else 0)
            value = compress(value, block, chunk, end - at, flags)
            at = end
        } while (at < to)
        return value
    }

    private fun compress(
        value: IntArray,
        block: IntArray,
        counter: Long,
        length: Int,
        flags: Int,
    ): IntArray {
        val s = value + IV.copyOf(4) + intArrayOf(counter.toInt(), (counter ushr 32).toInt(), length, flags)
        var m = block
        repeat(7) {
            for (i in 0..3) mix(s, i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1])
            for (i in 0..3) mix(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i])
            m = IntArray(16) { i -> m[ORDER[i]] }
        }
        return IntArray(8) { s[it] xor s[it + 8] }
    }

    private fun mix(
        s: IntArray,
        a: Int,
        b: Int,
        c: Int,
        d: Int,
        x: Int,
        y: Int,
    ) {
        s[a] += s[b] + x
        s[d] = (s[d] xor s[a]).rotateRight(16)
        s[c] += s[d]
        s[b] = (s[b] xor s[c]).rotateRight(12)
        s[a] += s[b] + y
        s[d] = (s[d] xor s[a]).rotateRight(8)
        s[c] += s[d]
        s[b] = (s[b] xor s[c]).rotateRight(7)
    }
}

/** Checks a signed document link by link; returns the first one that does not hold. */
fun brokenLink(
    document: ByteArray,
    statement: ByteArray,
    strokes: ByteArray,
    deviceSignature: String,
    root: String,
    counter: Pair<Long, String>?,
): String? {
    val said = Json(statement.decodeToString()).read() as Map<*, *>
    val certificate = (Json(document.decodeToString()).read() as Map<*, *>)["device"] as Map<*, *>
    val certified =
        certificate.minus("signature").plus("purpose" to "fieldsync device certificate v1")
    val countersigned = counter?.let { (atMs, _) -> "fieldsync countersignature v1\n${sha256(statement)}\n$atMs".toByteArray() }
    return when {
        said["document"] != sha256(document) -> "document"
        said["refused"] == null && said["strokes"] != sha256(strokes) -> "strokes"
        !verifies(root, Json.canonical(certified).toByteArray(), certificate["signature"] as String) -> "certificate"
        said["device"] != certificate["device"] -> "device"
        !verifies(certificate["public_key"] as String, statement, deviceSignature) -> "device signature"
        countersigned != null && !verifies(root, countersigned, counter.second) -> "counter-signature"
        else -> null
    }
}
