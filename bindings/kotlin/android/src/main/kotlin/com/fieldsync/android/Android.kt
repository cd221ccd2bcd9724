package com.fieldsync.android

import android.content.Context
import android.security.keystore.KeyGenParameterSpec
import android.security.keystore.KeyPermanentlyInvalidatedException
import android.security.keystore.KeyProperties.BLOCK_MODE_GCM
import android.security.keystore.KeyProperties.ENCRYPTION_PADDING_NONE
import android.security.keystore.KeyProperties.KEY_ALGORITHM_AES
import android.security.keystore.KeyProperties.PURPOSE_DECRYPT
import android.security.keystore.KeyProperties.PURPOSE_ENCRYPT
import com.fieldsync.core.KeyStore
import com.fieldsync.core.KeyStoreException
import com.fieldsync.core.OpenOptions
import java.io.File
import java.io.FileOutputStream
import java.io.IOException
import java.security.GeneralSecurityException
import java.security.SecureRandom
import javax.crypto.AEADBadTagException
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
 * The key of an encrypted store, for [com.fieldsync.core.Device.open]: 32 random bytes, kept in a file outside backups and
 * locked with a key that never leaves Android's Keystore. On another phone the file is worth nothing.
 *
 * [name] tells the stores of one app apart, as `profile` does. The library must be built with encryption; one that is not
 * refuses a key.
 */
public class KeystoreKey(
    context: Context,
    private val name: String = "fieldsync",
) : KeyStore {
    private val file = File(context.applicationContext.noBackupFilesDir, "$name.key")

    /**
     * The key, made when there is none. It takes milliseconds, so it is asked for off the main thread.
     *
     * @throws KeyStoreException.Lost when the file is another phone's or the Keystore has lost what unlocks it.
     * @throws KeyStoreException.Unavailable when file or Keystore cannot be read now.
     */
    @Synchronized
    override fun key(): ByteArray =
        try {
            if (file.exists()) unlock(file.readBytes()) else made()
        } catch (_: AEADBadTagException) {
            throw KeyStoreException.Lost()
        } catch (_: KeyPermanentlyInvalidatedException) {
            throw KeyStoreException.Lost()
        } catch (error: GeneralSecurityException) {
            throw KeyStoreException.Unavailable(error.javaClass.simpleName)
        } catch (error: IOException) {
            throw KeyStoreException.Unavailable(error.javaClass.simpleName)
        }

    /** Destroys the key and what locks it; the next [key] is a new one. */
    @Synchronized
    override fun erase() {
        try {
            keystore().deleteEntry(alias)
        } catch (error: GeneralSecurityException) {
            throw KeyStoreException.Unavailable(error.javaClass.simpleName)
        }
        if (!file.delete() && file.exists()) throw KeyStoreException.Unavailable("the key's file stays")
    }

    private val alias get() = "com.fieldsync.store.$name"

    private fun made() = ByteArray(32).also { SecureRandom().nextBytes(it) }.also(::lock)

    private fun lock(key: ByteArray) {
        val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.ENCRYPT_MODE, master() ?: newMaster()) }
        val next = File(file.path + ".next")
        FileOutputStream(next).use {
            it.write(byteArrayOf(cipher.iv.size.toByte()) + cipher.iv + cipher.doFinal(key))
            it.fd.sync()
        }
        if (!next.renameTo(file)) throw IOException("the key's file cannot be put in place")
    }

    private fun unlock(locked: ByteArray): ByteArray {
        // A master made anew would unlock nothing.
        val master = master() ?: throw KeyStoreException.Lost()
        val start = 1 + (locked.firstOrNull() ?: 0)
        if (start == 1 || locked.size <= start) throw KeyStoreException.Lost()
        val parameters = GCMParameterSpec(128, locked, 1, start - 1)
        val cipher = Cipher.getInstance(CIPHER).apply { init(Cipher.DECRYPT_MODE, master, parameters) }
        return cipher.doFinal(locked, start, locked.size - start)
    }

    private fun keystore() =
        java.security.KeyStore
            .getInstance(KEYSTORE)
            .apply { load(null) }

    private fun master(): SecretKey? = keystore().getKey(alias, null) as SecretKey?

    private fun newMaster(): SecretKey {
        val purposes = PURPOSE_ENCRYPT or PURPOSE_DECRYPT
        val spec =
            KeyGenParameterSpec
                .Builder(alias, purposes)
                .setBlockModes(BLOCK_MODE_GCM)
                .setEncryptionPaddings(ENCRYPTION_PADDING_NONE)
                .setKeySize(256)
                .build()
        return KeyGenerator.getInstance(KEY_ALGORITHM_AES, KEYSTORE).apply { init(spec) }.generateKey()
    }

    private companion object {
        const val KEYSTORE = "AndroidKeyStore"
        const val CIPHER = "AES/GCM/NoPadding"
    }
}
