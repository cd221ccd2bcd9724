package com.fieldsync.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyProperties.BLOCK_MODE_GCM
import android.security.keystore.KeyProperties.ENCRYPTION_PADDING_NONE
import android.security.keystore.KeyProperties.KEY_ALGORITHM_AES
import android.security.keystore.KeyProperties.PURPOSE_DECRYPT
import android.security.keystore.KeyProperties.PURPOSE_ENCRYPT
import com.fieldsync.core.OpenOptions
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.SecureRandom
import javax.crypto.Cipher
import javax.crypto.KeyGenerator
import javax.crypto.SecretKey
import javax.crypto.spec.GCMParameterSpec

/**
 * How a device is opened on this phone: store and anchor lie in `noBackupFilesDir`, where Android's backups never reach,
 * because the device's own key lies in the store. A phone set up from a copy of another one's files goes on as a device of
 * its own, with all its work.
 *
 * [profile] tells several technicians on one phone apart: each has a store of his own.
 */
public fun Context.fieldsyncOptions(profile: String = "fieldsync"): OpenOptions =
    OpenOptions(dir = File(noBackupFilesDir, profile).path, anchorFile = File(noBackupFilesDir, "$profile.anchor").path)

/**
 * A key for what is encrypted on this phone: 32 random bytes, kept in a file outside backups and locked with a key that
 * never leaves Android's Keystore. On another phone the file is worth nothing.
 */
public class KeystoreKey(
    context: Context,
    name: String = "fieldsync",
) {
    private val file = File(context.applicationContext.noBackupFilesDir, "$name.key")

    /**
     * The key, made when there is none. It takes milliseconds, so it is asked for off the main thread.
     *
     * @throws GeneralSecurityException when the Keystore cannot unlock it, for example on another phone.
     * @throws java.io.IOException when the file cannot be read or written.
     */
    @Synchronized
    public fun key(): ByteArray = if (file.exists()) unlock(file.readBytes()) else made()

    private fun made() = ByteArray(32).also { SecureRandom().nextBytes(it) }.also(::lock)

    private fun lock(key: ByteArray) {
        val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.ENCRYPT_MODE, master()) }
        val next = File(file.path + ".next")
        FileOutputStream(next).use {
            it.write(byteArrayOf(cipher.iv.size.toByte()) + cipher.iv + cipher.doFinal(key))
            it.fd.sync()
        }
        if (!next.renameTo(file)) throw IOException("the key's file cannot be put in place")
    }

    private fun unlock(locked: ByteArray): ByteArray {
        val start = 1 + locked[0]
        val parameters = GCMParameterSpec(128, locked, 1, locked[0].toInt())
        val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.DECRYPT_MODE, master(), parameters) }
        return cipher.doFinal(locked, start, locked.size - start)
    }

    private fun master(): SecretKey {
        val keystore =
            java.security.KeyStore
                .getInstance(KEYSTORE)
                .apply { load(null) }
        (keystore.getKey(ALIAS, null) as SecretKey?)?.let { return it }
        val purposes = PURPOSE_ENCRYPT or PURPOSE_DECRYPT
        val spec =
            KeyGenParameterSpec
                .Builder(ALIAS, purposes)
                .setBlockModes(BLOCK_MODE_GCM)
                .setEncryptionPaddings(ENCRYPTION_PADDING_NONE)
                .setKeySize(256)
                .build()
        return KeyGenerator.getInstance(KEY_ALGORITHM_AES, KEYSTORE).apply { init(spec) }.generateKey()
    }

    private companion object {
        const val KEYSTORE = "AndroidKeyStore"
        const val ALIAS = "com.fieldsync.store"
        const val CIPHER = "AES/GCM/NoPadding"
    }
}
