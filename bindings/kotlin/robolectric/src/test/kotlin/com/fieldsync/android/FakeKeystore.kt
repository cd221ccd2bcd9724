package com.fieldsync.android

import java.io.InputStream
import java.io.OutputStream
import java.security.Key
import java.security.KeyStoreSpi
import java.security.Provider
import java.security.SecureRandom
import java.security.cert.Certificate
import java.security.spec.AlgorithmParameterSpec
import java.util.Collections
import java.util.Date
import java.util.Enumeration
import javax.crypto.KeyGeneratorSpi
import javax.crypto.SecretKey
import javax.crypto.spec.SecretKeySpec

/** Android's Keystore, which Robolectric does not have: the same provider name, keys in memory instead of hardware. */
class FakeKeystore : Provider("AndroidKeyStore", "1", "keys in memory") {
    init {
        put("KeyStore.AndroidKeyStore", Keys::class.java.name)
        put("KeyGenerator.AES", Aes::class.java.name)
    }

    class Aes : KeyGeneratorSpi() {
        private lateinit var alias: String

        override fun engineInit(random: SecureRandom) = error("the Keystore wants a specification")

        override fun engineInit(
            size: Int,
            random: SecureRandom,
        ) = error("the Keystore wants a specification")

        override fun engineInit(
            parameters: AlgorithmParameterSpec,
            random: SecureRandom?,
        ) {
            alias = (parameters as android.security.keystore.KeyGenParameterSpec).keystoreAlias
        }

        override fun engineGenerateKey(): SecretKey {
            val bytes = ByteArray(32).also { SecureRandom().nextBytes(it) }
            return SecretKeySpec(bytes, "AES").also { keys[alias] = it }
        }
    }

    class Keys : KeyStoreSpi() {
        override fun engineGetKey(
            alias: String,
            password: CharArray?,
        ): Key? = keys[alias]

        override fun engineLoad(
            stream: InputStream?,
            password: CharArray?,
        ) = Unit

        override fun engineAliases(): Enumeration<String> = Collections.enumeration(keys.keys)

        override fun engineContainsAlias(alias: String) = alias in keys

        override fun engineSize() = keys.size

        override fun engineIsKeyEntry(alias: String) = alias in keys

        override fun engineIsCertificateEntry(alias: String) = false

        override fun engineGetCertificate(alias: String): Certificate? = null

        override fun engineGetCertificateAlias(certificate: Certificate?): String? = null

        override fun engineGetCertificateChain(alias: String): Array<Certificate>? = null

        override fun engineGetCreationDate(alias: String) = Date(0)

        override fun engineDeleteEntry(alias: String) {
            keys.remove(alias)
        }

        override fun engineSetKeyEntry(
            alias: String,
            key: Key,
            password: CharArray?,
            chain: Array<out Certificate>?,
        ) = error("not asked for")

        override fun engineSetKeyEntry(
            alias: String,
            key: ByteArray,
            chain: Array<out Certificate>?,
        ) = error("not asked for")

        override fun engineSetCertificateEntry(
            alias: String,
            certificate: Certificate?,
        ) = error("not asked for")

        override fun engineStore(
            stream: OutputStream?,
            password: CharArray?,
        ) = error("not asked for")
    }

    companion object {
        val keys = HashMap<String, SecretKey>()
    }
}
