package com.fieldsync

import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.nio.file.Files
import java.nio.file.Path

/** The golden messages, documents and signatures, read with code that knows the protocol's page and nothing of the engine. */
class GoldenTest {
    private val folder: Path = Built.repository.resolve("tests/golden/wire/v1")

    private fun bytes(name: String): ByteArray = Files.readAllBytes(folder.resolve(name))

    private fun json(name: String): Any? = Json(bytes(name).decodeToString()).read()

    private fun cbor(name: String): ByteArray = HEX.parseHex(bytes("$name.cbor.hex").decodeToString().filterNot(Char::isWhitespace))

    /** Whether a value read from CBOR says what a value read from JSON says. */
    private fun same(
        cbor: Any?,
        json: Any?,
    ): Boolean =
        when (cbor) {
            is ByteArray -> {
                val digits = (json as? String) ?: (json as? Map<*, *>)?.get("\$bytes") as? String
                HEX.formatHex(cbor) == digits?.replace("-", "")
            }

            is Map<*, *> -> {
                json is Map<*, *> && cbor.size == json.size &&
                    cbor.all { (name, value) ->
                        val text = if (name is ByteArray) HEX.formatHex(name) else "$name"
                        val known = if (text.startsWith("$")) "$$text" else text
                        json.containsKey(known) && same(value, json[known])
                    }
            }

            is List<*> -> {
                json is List<*> && cbor.size == json.size && cbor.indices.all { same(cbor[it], json[it]) }
            }

            else -> {
                cbor == json
            }
        }

    @Test
    fun `every message says in CBOR what it says in JSON`() {
        val names =
            folder
                .toFile()
                .list()!!
                .filter { it.endsWith(".cbor.hex") }
                .map { it.removeSuffix(".cbor.hex") }

        assertTrue(names.size >= 13, "$names")
        for (name in names) assertTrue(same(Cbor(cbor(name)).read(), json("$name.json")), name)
    }

    @Test
    fun `a record's check is the BLAKE3 of its CBOR`() {
        val hashes = json("hashes.json") as Map<*, *>

        assertEquals(hashes["record_check"], Blake3.hash(cbor("record")))
        // From the specification's own test vectors: nothing, and bytes over several chunks.
        assertTrue(Blake3.hash(ByteArray(0)).startsWith("af1349b9f5f9a1a6a0404dea36dcc949"))
        assertTrue(Blake3.hash(ByteArray(3072) { (it % 251).toByte() }).startsWith("b98cb0ff3623be03326b373de6b90952"))
    }

    @Test
    fun `the signed document verifies with the JDK alone`() {
        val (document, statement) = bytes("voucher.json") to bytes("statement.json")
        val signature = json("signature.json") as Map<*, *>
        val text = { name: String -> signature[name] as String }
        val counter = (signature["countersigned_ms"] as Long) to text("countersignature")
        val strokes = HEX.parseHex(text("strokes"))
        val sound = { it: ByteArray, said: ByteArray, drawn: ByteArray, root: String, at: Pair<Long, String> ->
            brokenLink(it, said, drawn, text("device_signature"), root, at)
        }

        assertEquals(text("document"), sha256(document))
        assertNull(sound(document, statement, strokes, text("root"), counter))
        // And each link breaks by itself.
        val change = { from: ByteArray, old: String, new: String -> from.decodeToString().replace(old, new).toByteArray() }
        assertEquals("document", sound(change(document, "3500", "3501"), statement, strokes, text("root"), counter))
        assertEquals("strokes", sound(document, statement, strokes.copyOf(9), text("root"), counter))
        assertEquals("device signature", sound(document, change(statement, "Li Wei", "Li Wie"), strokes, text("root"), counter))
        assertEquals("counter-signature", sound(document, statement, strokes, text("root"), counter.first - 1 to counter.second))
        val otherRoot = (json("certificate.json") as Map<*, *>)["public_key"] as String
        assertEquals("certificate", sound(document, statement, strokes, otherRoot, counter))
    }

    @Test
    fun `documents and statements are canonical JSON`() {
        for (name in listOf("voucher.json", "statement.json")) {
            assertEquals(bytes(name).decodeToString(), Json.canonical(json(name)), name)
        }
    }

    @Test
    fun `strokes are lists of points`() {
        val strokes = Cbor(HEX.parseHex((json("signature.json") as Map<*, *>)["strokes"] as String)).read() as List<*>

        assertEquals(2, strokes.size)
        assertEquals(listOf(100L, 200L, 0L, 500L), (strokes[0] as List<*>)[0])
    }

    @Test
    fun `a signed request verifies from what the protocol's page says`() {
        val request = json("signed_request.json") as Map<*, *>
        val lines =
            listOf("fieldsync request v1", request["device"], request["method"], request["path"], request["offset"], request["nonce"]) +
                sha256(HEX.parseHex(request["body"] as String))
        val key = (json("certificate.json") as Map<*, *>)["public_key"] as String

        assertTrue(verifies(key, lines.joinToString("\n").toByteArray(), request["signature"] as String))
        assertTrue(!verifies(key, lines.reversed().joinToString("\n").toByteArray(), request["signature"] as String))
    }
}
